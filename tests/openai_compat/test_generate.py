"""What Helix's own requests turn into before the engine sees them."""

from __future__ import annotations

import msgspec
import pytest

from helix import InvalidRequestError, SamplingParams
from openai_compat.errors import InvalidParameter
from openai_compat.generate import encode_each, named, of_query, to_completion, with_room
from openai_compat.schemas.generate import GenerateQuery, GenerateRequest
from openai_compat.schemas.sampling import PlainSamplingFields, SamplingFields
from tests.fakes import EOS, ByteTokenizer


def test_a_completion_has_every_setting_of_the_request() -> None:
    settings = {"temperature": 0.5, "speculative.n_max": 3, "draft_model": None, "stop": ["a"], "cache_salt": "s"}
    request = msgspec.convert({"prompt": "hi", "max_tokens": 7} | settings, GenerateRequest)
    completion = to_completion(request, "m")
    for name in SamplingFields.__struct_fields__:
        assert getattr(completion, name) == getattr(request, name)
    assert (completion.model, completion.prompt) == ("m", None)


def test_a_query_is_the_same_request_in_fewer_words() -> None:
    plain = {"prompt", "model", "chat", "prediction", "speculation_trace", "stop"}
    assert {*GenerateQuery.__struct_fields__} == plain | {*PlainSamplingFields.__struct_fields__}
    assert of_query(GenerateQuery(prompt="a", top_k=3, chat=True)) == GenerateRequest(prompt="a", top_k=3, chat=True)


def test_an_empty_text_is_the_beginning_of_a_document() -> None:
    assert encode_each(GenerateRequest(prompt=""), ["", "a", [5]], ByteTokenizer()) == [[EOS], [97], [5]]


@pytest.mark.parametrize(("prompt_len", "max_tokens"), [(10, 256), (3900, 196), (4096, None), (5000, None)])
def test_the_default_length_is_what_the_longest_prompt_leaves(prompt_len: int, max_tokens: int | None) -> None:
    assert with_room(SamplingParams(), [[1], [1] * prompt_len], 4096).max_tokens == max_tokens


def test_errors_about_a_prompt_name_the_field_that_has_it() -> None:
    for error in (InvalidParameter("prompt", "x"), InvalidRequestError("x", param="messages")):
        with pytest.raises(type(error)), named("prompts"):
            raise error
        assert error.param == "prompts"
    with pytest.raises(InvalidParameter) as kept, named("prompts"):
        raise InvalidParameter("seed", "x")
    assert kept.value.param == "seed"
