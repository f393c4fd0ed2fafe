"""Why a response failed is told in the words OpenAI has for it."""

from __future__ import annotations

from typing import get_args

import pytest
from openai.types.responses.response_error import ResponseError

from helix import SamplingParams
from openai_compat.errors import ApiError, GenerationAborted, GrammarFailed, InvalidParameter
from openai_compat.responses.answer import Answer
from openai_compat.responses.tally import Tally
from openai_compat.responses_api.response_object import begun, ended, failed
from openai_compat.schemas.responses import ResponsesRequest
from tests.fakes import ByteTokenizer, FakeEngine


def make_answer(params: SamplingParams) -> Answer:
    tally = Tally.of([[1, 2]], params, FakeEngine().info)
    return Answer(
        id="resp_1", model="m", system_fingerprint="fp", tokenizer=ByteTokenizer(), params=params, tally=tally
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GenerationAborted(), "server_error"),
        (ApiError(429, "x", type="rate_limit_error"), "rate_limit_exceeded"),
        (GrammarFailed("x"), "invalid_prompt"),
        (InvalidParameter("a", "x"), "invalid_prompt"),
    ],
)
def test_an_error_has_one_of_openais_codes(error: ApiError, code: str) -> None:
    answer = make_answer(SamplingParams())
    told = failed(begun(ResponsesRequest(model="m", input="x"), answer), answer, [], error)
    assert told.error is not None and told.error.code == code
    assert code in get_args(ResponseError.model_fields["code"].annotation)
    assert told.error.message == str(error)


def test_sampling_parameters_in_force_are_told() -> None:
    answer = make_answer(SamplingParams(temperature=0.3, top_p=0.8))
    response = begun(ResponsesRequest(model="m", input="x"), answer)
    assert (response.temperature, response.top_p) == (0.3, 0.8)
    assert begun(ResponsesRequest(model="m", input="x", top_p=0.0), answer).top_p == 0.0


def test_an_ended_response_leaves_the_one_that_began_as_it_was() -> None:
    answer = make_answer(SamplingParams())
    response = begun(ResponsesRequest(model="m", input="x"), answer)
    done = ended(response, answer, [], is_cut=False)
    assert (response.status, response.usage, done.status) == ("in_progress", None, "completed")
    assert done.usage is not None and done.usage.input_tokens == 2
