"""Log probabilities in OpenAI's two shapes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from helix import FinishReason, RequestMetrics, RequestOutput, SamplingParams, TokenLogprob
from openai_compat.responses.logprobs import CompletionLogprobsBuilder, chat_logprobs, shown_logprobs
from tests.fakes import EOS, ByteTokenizer

TOKENIZER = ByteTokenizer()


def output(*token_ids: int, reason: FinishReason | None = None, stop: str | int | None = None) -> RequestOutput:
    logprobs = tuple(TokenLogprob(token_id, -1.0) for token_id in token_ids)
    return RequestOutput("r", "", token_ids, logprobs, reason, stop, RequestMetrics(arrival_s=0))


@pytest.mark.parametrize(
    ("ended", "shown"),
    [
        (output(65, EOS, reason=FinishReason.STOP), [65]),
        (output(65, 66, reason=FinishReason.STOP, stop=66), [65]),
        (output(65, 66, reason=FinishReason.STOP, stop="B"), [65, 66]),
        (output(65, 66, reason=FinishReason.LENGTH), [65, 66]),
        (output(65, EOS, reason=FinishReason.LENGTH), [65, EOS]),
        (output(65, 66), [65, 66]),
        (output(reason=FinishReason.STOP), []),
    ],
)
def test_the_token_that_ends_a_request_is_no_part_of_the_text(ended: RequestOutput, shown: list[int]) -> None:
    entries = shown_logprobs(ended, SamplingParams(stop_token_ids=(66,)), TOKENIZER)
    assert entries is not None
    assert [entry.token_id for entry in entries] == shown


def test_nothing_asked_for_is_nothing_shown() -> None:
    plain = RequestOutput("r", "A", (65,), None, None, None, RequestMetrics(arrival_s=0))
    assert shown_logprobs(plain, SamplingParams(), TOKENIZER) is None


def test_impossible_tokens_have_openais_number() -> None:
    entry = TokenLogprob(65, -math.inf, ((66, -math.inf),))
    shown = chat_logprobs([entry], TOKENIZER).content[0]
    assert shown.logprob == shown.top_logprobs[0].logprob == -9999.0


def test_bytes_of_half_a_character_are_exact() -> None:
    content = chat_logprobs([TokenLogprob(byte, -1.0) for byte in "é".encode()], TOKENIZER).content
    assert bytes(byte for entry in content for byte in entry.bytes).decode() == "é"


def test_legacy_offsets_count_characters_and_half_characters_are_spelled_as_bytes() -> None:
    builder = CompletionLogprobsBuilder(TOKENIZER)
    entries = [TokenLogprob(byte, -1.0) for byte in "aé!".encode()]
    first, second = builder.build(entries[:2]), builder.build(entries[2:])
    assert first.tokens + second.tokens == ["a", "bytes:\\xc3", "bytes:\\xa9", "!"]
    assert first.text_offset + second.text_offset == [0, 1, 1, 2]


def test_legacy_alternatives_include_the_chosen_token() -> None:
    built: Any = CompletionLogprobsBuilder(TOKENIZER).build([TokenLogprob(67, -3.0, ((65, -0.1), (66, -0.2)))])
    assert built.top_logprobs == [{"A": -0.1, "B": -0.2, "C": -3.0}]
