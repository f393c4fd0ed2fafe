"""An output layer of fewer rows gives the logits of its tokens, and the engine the answers of the whole one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from helix import EngineConfig, LLMEngine, SamplingParams
from helix.config import DEMO_MODEL, ModelConfig, SpeculativeConfig
from helix.errors import ModelLoadError
from helix.model.loader import load_tokenizer
from helix.model.narrow_head import frequent_ids, narrow_head, widened
from tests.models import tiny_llama

SIZE = 300
PROMPT = "<|im_start|>user\nWhat is speculative decoding?<|im_end|>\n<|im_start|>assistant\n"


def test_the_logits_of_the_tokens_that_stay_are_the_same() -> None:
    ids = torch.tensor([0, 3, 7, 40])
    whole: Any = tiny_llama()
    narrow: Any = tiny_llama()
    narrow_head(narrow, ids)
    assert narrow.lm_head.weight.shape[0] == 4 and narrow.get_input_embeddings().num_embeddings > 40
    tokens = torch.tensor([[5, 9, 41, 2]])
    expected, logits = whole(input_ids=tokens).logits[0], narrow(input_ids=tokens).logits[0]
    torch.testing.assert_close(logits, expected[:, ids])
    shown = widened(logits, ids, expected.shape[1])
    assert torch.equal(shown[:, ids], logits)
    assert torch.isneginf(shown).sum() == 4 * (expected.shape[1] - 4)


def test_a_model_with_another_output_layer_is_refused() -> None:
    module: Any = tiny_llama()
    module.set_output_embeddings(nn.Identity())
    with pytest.raises(ModelLoadError, match="linear output layer"):
        narrow_head(module, torch.tensor([0]))


def test_special_tokens_stay_in_any_vocabulary() -> None:
    tokenizer = load_tokenizer(ModelConfig(model=DEMO_MODEL))
    ids = frequent_ids(tokenizer, SIZE).tolist()
    assert ids == sorted(set(ids)) and ids[:SIZE] == [*range(SIZE)]
    assert tokenizer.special_ids <= {*ids}
    assert len(frequent_ids(tokenizer, 10**9)) == tokenizer.vocab_size


@pytest.mark.parametrize("acceptance_rule", ["match", "rejection"])
def test_a_draft_that_knows_frequent_tokens_only_guesses_no_other_and_changes_no_answer(acceptance_rule: Any) -> None:
    def engine(**speculative: Any) -> LLMEngine:
        settings = SpeculativeConfig(speculation_adaptive=False, acceptance_rule=acceptance_rule, **speculative)
        return LLMEngine(EngineConfig(speculative=settings))

    narrow = engine(speculation_method="draft", speculation_depth=4, draft_vocabulary_size=SIZE)
    params = SamplingParams(temperature=0, max_tokens=60)
    (plain,), (drafted,) = (one.generate([PROMPT], params) for one in (engine(speculation_method="none"), narrow))
    assert drafted.token_ids == plain.token_ids
    assert drafted.metrics.spec.num_accepted_tokens > 0
    assert "vocabulary" in narrow.info.draft_remark
    kept = {*frequent_ids(load_tokenizer(ModelConfig(model=DEMO_MODEL)), SIZE).tolist()}
    assert not {*plain.token_ids} <= kept, "the answer has words that the draft never guesses"
    (sampled,) = narrow.generate([PROMPT], SamplingParams(temperature=1, seed=3, max_tokens=60))
    assert sampled.metrics.spec.num_accepted_tokens > 0
