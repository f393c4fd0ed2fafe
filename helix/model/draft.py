"""Finds and loads the draft model that goes with a target."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial

from helix.config import AUTO_DRAFT_MODEL, DEMO_DRAFT_MODEL, DEMO_MODEL, EngineConfig, ModelConfig
from helix.errors import ConfigError, ModelLoadError
from helix.model.loader import LoadedModel, load_model, load_tokenizer
from helix.model.loading_bar import LoadingBar
from helix.model.narrow_head import frequent_ids
from helix.model.siblings import find_siblings, small_enough
from helix.text.tokenizer import Tokenizer, same_vocabulary
from helix.text.translation import Translation

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedDraft:
    """A draft model and how it reads what the target writes; or none."""

    model: LoadedModel | None = None
    translation: Translation | None = None
    """None: every token id means the same to both."""
    remark: str = ""
    """What there is to know about it, or why there is none."""


def draft_name(config: EngineConfig) -> str | None:
    """Return the draft model that is asked for or built in, if speculation may use one; it may be auto."""
    method, name = config.speculative.speculation_method, config.speculative.draft_model
    if method not in ("auto", "draft"):
        name = None
    elif name in (None, AUTO_DRAFT_MODEL) and config.model.model == DEMO_MODEL:
        name = DEMO_DRAFT_MODEL
    elif name is None and method == "draft":
        raise ConfigError("speculation_method draft needs a draft_model")
    speculative = config.speculative
    for setting, is_set in (
        ("draft_quantization", speculative.draft_quantization not in ("auto", "none")),
        ("draft_vocabulary_size", speculative.draft_vocabulary_size is not None),
    ):
        if name is None and is_set:
            raise ConfigError(f"{setting} needs a draft_model and a speculation_method that uses it")
    return name


def load_draft(
    name: str, config: EngineConfig, tokenizer: Tokenizer, target: LoadedModel, bar: LoadingBar
) -> LoadedDraft:
    """Load a draft model for a target; of auto, a sibling that is here, or none and a remark why.

    Raises:
        ConfigError: The engine shall draft, and auto finds no model that could.
        ModelLoadError: The model is missing or broken, or cannot read what the target writes.
    """
    if name != AUTO_DRAFT_MODEL:
        return _load(name, config, tokenizer, bar)
    remark = f"no small sibling of {target.name} is on this machine"
    if (sibling := small_enough(find_siblings(config.model.model), target.num_parameters)) is not None:
        try:
            draft = _load(sibling.path, config, tokenizer, bar)
            assert draft.model is not None, "a draft is loaded or refused"
            return replace(draft, model=replace(draft.model, name=sibling.name))
        except ModelLoadError as error:
            remark = str(error)
    if config.speculative.speculation_method == "draft":
        raise ConfigError(f"speculation_method draft needs a draft_model: {remark}")
    logger.warning("no draft model: %s", remark)
    return LoadedDraft(remark=remark)


def _load(name: str, config: EngineConfig, tokenizer: Tokenizer, bar: LoadingBar) -> LoadedDraft:
    """Load a draft model that reads the target's token ids as the target does, or else its text."""
    target = config.model
    model = ModelConfig(
        model=name,
        device=target.device,
        dtype=target.dtype,
        trust_remote_code=target.trust_remote_code,
        allow_pickle=target.allow_pickle,
    )
    load = partial(
        load_model,
        model,
        bar,
        quantization=config.speculative.draft_quantization,
        quantization_settings=config.quantization,
    )
    own_tokenizer = load_tokenizer(model)
    if same_vocabulary(tokenizer, own_tokenizer):
        size = config.speculative.draft_vocabulary_size
        if size is None or size >= own_tokenizer.vocab_size:
            return LoadedDraft(load())
        ids = frequent_ids(own_tokenizer, size)
        return LoadedDraft(load(head_ids=ids), remark=f"guesses {len(ids)} tokens of the vocabulary")
    if config.speculative.draft_vocabulary_size is not None:
        raise ConfigError(f"draft_vocabulary_size needs a draft model with the tokenizer of {target.model}")
    try:
        translation = Translation(tokenizer, own_tokenizer)
    except ModelLoadError as error:
        raise ModelLoadError(f"{name} cannot draft for {target.model}: their tokenizers differ, and {error}") from error
    remark = f"other tokenizer, {translation.num_draft_tokens_per_token:.2f} tokens for one of the model's"
    logger.info("draft model %s: %s", name, remark)
    return LoadedDraft(load(), translation, remark)
