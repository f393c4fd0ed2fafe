from __future__ import annotations

from typing import Any

import pytest

from helix.config import ModelConfig
from helix.model.loader import load_tokenizer
from helix.outputs import FinishReason
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.text.tokenizer import Tokenizer
from helix.text_stream import TextStream

TEXT = "Hello! How can I help you, Zoë?"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(ModelConfig())


def stream(tokenizer: Tokenizer, text: str = TEXT, **params: Any) -> tuple[Request, list[str], str]:
    """Commit the tokens of a text and an end token, and return the request, the pieces and what was held back."""
    request = Request(
        "a",
        tokenizer.encode("user"),
        SamplingParams(**params),
        seed=0,
        eos_token_ids=tokenizer.eos_token_ids,
        max_tokens=99,
    )
    told = TextStream(tokenizer, request)
    pieces = []
    for token_id in [*tokenizer.encode(text), *list(tokenizer.eos_token_ids)[:1]]:
        request.commit_token(token_id)
        pieces.append(told.feed(token_id))
        if request.is_finished:
            break
    return request, pieces, told.finish()


def test_the_pieces_are_the_text_and_the_ending_token_is_not_shown(tokenizer: Tokenizer) -> None:
    request, pieces, rest = stream(tokenizer)
    assert "".join(pieces) + rest == TEXT
    assert len(pieces) > 5
    assert request.finish_reason is FinishReason.STOP


def test_a_stop_string_ends_the_request_and_is_shown_only_if_asked_for(tokenizer: Tokenizer) -> None:
    request, pieces, rest = stream(tokenizer, stop=("can I",))
    assert "".join(pieces) + rest == "Hello! How "
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, "can I")
    _, pieces, rest = stream(tokenizer, stop=("can I",), include_stop_str_in_output=True)
    assert "".join(pieces) + rest == "Hello! How can I"


def test_before_min_tokens_a_stop_string_ends_nothing(tokenizer: Tokenizer) -> None:
    _, pieces, rest = stream(tokenizer, stop=("Hello",), min_tokens=4)
    assert "".join(pieces) + rest == TEXT
