"""Steps of the engine become what a stream tells of them."""

from __future__ import annotations

from helix import RequestOutput, StepDraft
from openai_compat.engine import ChatTokenizer
from openai_compat.schemas.trace import TracedDraft, TracedStep, TracedToken


def traced_steps(output: RequestOutput, tokenizer: ChatTokenizer) -> list[TracedStep]:
    """Return the steps that an output reports; empty unless the request asked for them."""
    return [
        TracedStep(
            drafts=[_draft(draft, tokenizer) for draft in step.drafts],
            accepted=step.num_accepted_tokens,
            tokens=[_token(token_id, tokenizer) for token_id in step.token_ids],
            elapsed_s=round(step.elapsed_s, 6),
        )
        for step in output.steps
    ]


def _draft(draft: StepDraft, tokenizer: ChatTokenizer) -> TracedDraft:
    return TracedDraft(source=draft.proposer, tokens=[_token(token_id, tokenizer) for token_id in draft.token_ids])


def _token(token_id: int | None, tokenizer: ChatTokenizer) -> TracedToken:
    if token_id is None:
        return TracedToken(id=None, token=None, bytes=None)
    text = b"" if tokenizer.is_special(token_id) else tokenizer.token_bytes(token_id)
    return TracedToken(id=token_id, token=tokenizer.token_text(token_id), bytes=list(text))
