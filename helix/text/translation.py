"""What one tokenizer's tokens say to another, so that a model can draft for one of another vocabulary."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence

from helix.errors import ModelLoadError
from helix.text.tokenizer import Tokenizer


class Translation:
    """Carries text between a target's tokens and a draft's.

    The two tokenizers share nothing but text. A marker is text too and becomes the marker of the same spelling; an end
    of sequence becomes the other's end of sequence.

    Raises:
        ModelLoadError: The draft cannot read what the target writes, or the target what the draft writes.
    """

    def __init__(self, target: Tokenizer, draft: Tokenizer) -> None:
        for tokenizer, whose in ((target, "target"), (draft, "draft")):
            if not tokenizer.is_context_free:
                raise ModelLoadError(f"what a token of the {whose} says depends on the tokens beside it")
        readable = _readable_share(draft)
        if readable < MIN_READABLE_SHARE:
            raise ModelLoadError(f"only {readable:.0%} of sample texts survive the draft's tokenizer")
        self.target = target
        self.draft = draft
        self.texts_for_draft = _texts(target, draft)
        """By target id: the bytes that the draft's tokenizer is given to read."""
        self.texts_for_target = _texts(draft, target)
        """By draft id: the bytes that the target's tokenizer is given to read; none for a marker it does not know."""
        known = {target.token_bytes(token_id) for token_id in target.special_ids}
        for draft_id in draft.special_ids:
            if self.texts_for_target[draft_id] not in known:
                self.texts_for_target[draft_id] = b""
        self.num_draft_tokens_per_token = _num_tokens(draft) / _num_tokens(target)
        """How many of the draft's tokens say what one of the target's says, on average over sample texts."""

    def encode_draft(self, target_ids: Sequence[int], guessed: Sequence[int], draft_ids: Sequence[int]) -> list[int]:
        """Return the target's tokens of what the draft wrote behind target_ids and guessed.

        The last one is left out unless the draft wrote it in one token as well: most likely it would go on.
        """
        text, _ = whole_text(self.texts_for_target[draft_id] for draft_id in draft_ids)
        if not text:
            return []
        before = [*target_ids[-_NUM_CONTEXT_TOKENS:], *guessed]
        context, _ = whole_text(map(self.target.token_bytes, before))
        token_ids = self.target.encode_behind(context, text)
        if self.target.token_bytes(token_ids[-1]) != self.texts_for_target[draft_ids[-1]]:
            token_ids.pop()
        return token_ids


def whole_text(parts: Iterable[bytes]) -> tuple[str, bool]:
    """Return the text of bytes without an unfinished character at its end, and whether there is none."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return decoder.decode(b"".join(parts)), not decoder.getstate()[0]


def _texts(source: Tokenizer, reader: Tokenizer) -> list[bytes]:
    """Return by id of the source's what its tokens say to the reader."""
    texts = [source.token_bytes(token_id) for token_id in range(source.vocab_size)]
    known = {reader.token_bytes(token_id) for token_id in reader.special_ids}
    if reader.eos_token_id is not None:
        for token_id in source.eos_token_ids:
            if texts[token_id] not in known:
                texts[token_id] = reader.token_bytes(reader.eos_token_id)
    return texts


def _readable_share(tokenizer: Tokenizer) -> float:
    """Return the share of the samples' characters that survive encoding and decoding."""
    survive = sum(
        len(text) for text in _SAMPLES if tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    )
    return survive / sum(map(len, _SAMPLES))


def _num_tokens(tokenizer: Tokenizer) -> int:
    return sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in _SAMPLES)


MIN_READABLE_SHARE = 0.5
"""A draft whose tokenizer loses more of the samples than it keeps has little to go by."""
_NUM_CONTEXT_TOKENS = 16
_SAMPLES = (
    "The committee met on Tuesday afternoon, and nobody who had read the report was surprised by what it decided.",
    "Speculative decoding lets a small model guess several tokens, which the large one then verifies in one pass.",
    "“I don't think we've met,” she said; he wasn't sure either. It's 3.14159 or 2,718,281 people, in 1998 or 2024?",
    "def mean(values: list[float]) -> float:\n    if not values:\n        return 0.0\n    return sum(values) / 2\n",
    '{"name": "Ada", "tags": ["math", "code"], "address": {"city": "London", "zip": null}, "born": 1815}',
    "## Steps\n\n1. Install the package with `pip install example`.\n2. Run tests.\n\n- **Note:** use Python 3.11.\n",
    "Die Regierung hat gestern beschlossen, die Förderung für erneuerbare Energien deutlich zu erhöhen.",
    "Les élèves ont présenté leurs projets à l'école, puis ils sont rentrés chez eux très fatigués.",
    "La empresa anunció que abrirá una nueva fábrica el próximo año, con más de mil empleos.",
    "Вчера мы долго гуляли по старому городу и говорили о книгах, которые прочитали летом.",
    "语言模型可以根据上下文预测下一个词，因此能够写文章、回答问题和翻译句子。",
    "明日は雨が降るかもしれませんが、午後には晴れると思います。",
)
"""Texts of the kinds that models write."""
