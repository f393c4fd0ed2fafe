"""Steps become tokens with text; what is not told of a draft is null."""

from __future__ import annotations

import time

from helix import DecodeStep, RequestMetrics, RequestOutput, StepDraft
from openai_compat.responses.trace import traced_steps
from openai_compat.schemas.trace import TracedDraft, TracedStep, TracedToken
from tests.fakes import EOS, ByteTokenizer


def test_tokens_have_their_bytes_special_ones_none_and_unknown_ones_are_null() -> None:
    step = DecodeStep((StepDraft("suffix", (0xC3, None)),), 1, (0xC3, EOS), 0.25)
    output = RequestOutput("a", "", (0xC3, EOS), None, None, None, RequestMetrics(time.monotonic()), steps=(step,))
    half = TracedToken(id=0xC3, token="\ufffd", bytes=[0xC3])
    assert traced_steps(output, ByteTokenizer()) == [
        TracedStep(
            drafts=[TracedDraft(source="suffix", tokens=[half, TracedToken(id=None, token=None, bytes=None)])],
            accepted=1,
            tokens=[half, TracedToken(id=EOS, token="<eos>", bytes=[])],
            elapsed_s=0.25,
        )
    ]
