"""Which draft model is loaded for a target, and what is refused."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from transformers import PreTrainedTokenizerFast

from helix.config import EngineConfig, ModelConfig, QuantizationConfig, SpeculativeConfig
from helix.errors import ConfigError, ModelLoadError
from helix.model.draft import LoadedDraft, draft_name, load_draft
from helix.model.loader import NUM_LOADING_STAGES, load_model, load_tokenizer
from helix.model.loading_bar import LoadingBar
from tests.helix.text.conftest import gpt2, qwen2, wordpiece
from tests.models import tiny_llama


def _save(folder: Path, backend: Backend, **changes: Any) -> str:
    tiny_llama(vocab_size=backend.get_vocab_size(), **changes).save_pretrained(folder)  # type: ignore[operator]
    PreTrainedTokenizerFast(tokenizer_object=backend).save_pretrained(folder)
    return str(folder)


OTHER = QuantizationConfig(quantization_group_size=64, quantization_zero_points=True, quantization_output_layer="int4")


def _config(model: str, **speculative: Any) -> EngineConfig:
    return EngineConfig(model=ModelConfig(model=model, device="cpu"), speculative=SpeculativeConfig(**speculative))


def _load(config: EngineConfig, *, num_parameters: float = 8e9) -> LoadedDraft:
    """Load the draft for a target that is said to be large."""
    name = draft_name(config)
    assert name is not None
    with LoadingBar(2 * NUM_LOADING_STAGES) as bar:
        target = replace(load_model(config.model, bar), num_parameters=int(num_parameters))
        return load_draft(name, config, load_tokenizer(config.model), target, bar)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _save(tmp_path_factory.mktemp("models") / "Qwen3-8B", gpt2(), num_hidden_layers=1)


def test_the_draft_is_the_one_asked_for_or_the_built_in_one() -> None:
    assert draft_name(_config("some/model")) is None
    assert draft_name(_config("some/model", draft_model="some/draft")) == "some/draft"
    assert draft_name(_config("some/model", draft_model="auto")) == "auto"
    for asked in (None, "auto"):
        assert draft_name(_config("helix-demo", draft_model=asked)) == "helix-demo-draft"
    for method in ("ngram", "none"):
        assert draft_name(_config("helix-demo", speculation_method=method)) is None
    with pytest.raises(ConfigError, match="needs a draft_model"):
        draft_name(_config("some/model", speculation_method="draft"))


@pytest.mark.parametrize("setting", [{"draft_quantization": "int4"}, {"draft_vocabulary_size": 300}])
def test_settings_of_a_draft_that_there_is_not_are_refused(setting: dict[str, Any]) -> None:
    assert draft_name(_config("helix-demo", **setting)) == "helix-demo-draft"
    for method in ("auto", "suffix"):
        with pytest.raises(ConfigError, match=f"{next(iter(setting))} needs a draft_model"):
            draft_name(_config("some/model", speculation_method=method, **setting))


def test_a_draft_that_reads_text_has_no_smaller_vocabulary(target: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="draft_vocabulary_size needs a draft model with the tokenizer"):
        _load(_config(target, draft_model=_save(tmp_path, qwen2()), draft_vocabulary_size=50))


def test_a_draft_has_its_own_bits(target: str, tmp_path: Path) -> None:
    config = _config(target, draft_model=_save(tmp_path, gpt2()), draft_quantization="int4")
    for settings, name in ((QuantizationConfig(), "int4_"), (OTHER, "int4_g64_zp weights")):
        draft = _load(replace(config, quantization=settings)).model
        assert draft is not None
        assert draft.quantization == "int4"
        assert name in draft.linear_route


def test_a_draft_of_the_same_vocabulary_needs_no_translation(target: str, tmp_path: Path) -> None:
    draft = _load(_config(target, draft_model=_save(tmp_path, gpt2())))
    assert draft.model is not None
    assert (draft.translation, draft.remark) == (None, "")


def test_a_draft_of_another_vocabulary_gets_a_translation_and_a_remark(target: str, tmp_path: Path) -> None:
    draft = _load(_config(target, draft_model=_save(tmp_path, qwen2())))
    assert draft.model is not None
    assert draft.translation is not None
    assert draft.remark.startswith("other tokenizer")


def test_a_draft_that_cannot_read_the_targets_text_is_refused_with_the_reason(target: str, tmp_path: Path) -> None:
    config = _config(target, draft_model=_save(tmp_path, wordpiece()))
    reason = r"cannot draft for .*: their tokenizers differ, and what a token of the draft says"
    with pytest.raises(ModelLoadError, match=reason):
        _load(config)


def test_auto_takes_a_small_sibling_that_is_here_and_calls_it_by_its_name(target: str) -> None:
    folder = Path(target).parent / "Qwen3-0.6B"
    _save(folder, gpt2())
    config = _config(target, draft_model="auto")
    draft = _load(config)
    assert draft.model is not None
    assert (draft.model.name, draft.translation, draft.remark) == ("Qwen/Qwen3-0.6B", None, "")
    assert _load(config, num_parameters=1e9).model is None, "it is not small beside this one"
    shutil.rmtree(folder)
    assert _load(config).model is None


def test_auto_goes_without_a_draft_and_says_so(target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whether none is here, or the one that is cannot draft."""
    folder = Path(target).parent / "Qwen3-0.6B"
    for place in (None, folder):
        if place is not None:
            _save(place, wordpiece())
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            draft = _load(_config(target, draft_model="auto"))
        assert draft.model is None
        reason = "no small sibling of" if place is None else "their tokenizers differ"
        assert reason in draft.remark
        assert draft.remark in caplog.text
        with pytest.raises(ConfigError, match=f"needs a draft_model: .*{reason}"):
            _load(_config(target, draft_model="auto", speculation_method="draft"))
    shutil.rmtree(folder)
