"""What tokens of one vocabulary say in another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from helix.errors import ModelLoadError
from helix.text.tokenizer import Tokenizer
from helix.text.translation import Translation, whole_text

Wrap = Callable[..., Tokenizer]


def _bytes_alone(*markers: str) -> Backend:
    """Byte-level BPE without a single merge."""
    backend = Backend(models.BPE({token: i for i, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(marker, special=True) for marker in markers])
    return backend


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False)


def test_a_draft_is_read_as_the_target_would_write_it(tokenizers: dict[str, Tokenizer], wrap: Wrap) -> None:
    target, draft = tokenizers["gpt2"], wrap(_bytes_alone())
    translation = Translation(target, draft)
    before = _ids(target, "then the")
    assert translation.encode_draft(before, [], _ids(draft, " time of")) == _ids(target, " time")
    assert translation.encode_draft(before, _ids(target, " new"), _ids(draft, " time,")) == _ids(target, " time,")
    assert translation.encode_draft(before, [], []) == []


def test_a_last_token_that_would_go_on_is_left_out(tokenizers: dict[str, Tokenizer], wrap: Wrap) -> None:
    """` t` is one token here, and the draft writes on behind it; a token of its own is as likely whole as any."""
    target, draft = tokenizers["gpt2"], wrap(_bytes_alone())
    assert Translation(target, draft).encode_draft(_ids(target, "a"), [], _ids(draft, " of t")) == _ids(target, " of")
    same = Translation(target, target)
    assert same.encode_draft(_ids(target, "a"), [], _ids(target, " of the")) == _ids(target, " of the")


def test_half_a_character_is_no_draft(tokenizers: dict[str, Tokenizer], wrap: Wrap) -> None:
    target, draft = tokenizers["gpt2"], wrap(_bytes_alone())
    translation = Translation(target, draft)
    assert translation.encode_draft(_ids(target, "a"), [], _ids(draft, "é")[:1]) == []
    assert translation.encode_draft([], [], _ids(draft, "a, é")[:-1]) == _ids(target, "a,")


def test_a_sentencepiece_target_gets_no_second_space(tokenizers: dict[str, Tokenizer]) -> None:
    """Encoded alone, a text would begin with a space of its own."""
    target, draft = tokenizers["sentencepiece"], tokenizers["gpt2"]
    written = Translation(target, draft).encode_draft(_ids(target, "he"), [], _ids(draft, "llo there."))
    assert b"".join(map(target.token_bytes, written)) == b"llo there."


def test_markers_keep_their_spelling_and_ends_of_sequence_their_role(backends: dict[str, Backend], wrap: Wrap) -> None:
    target = wrap(backends["gpt2"], eos_token="<|end|>")
    draft = wrap(_bytes_alone("<|start|>", "</s>", "<mask>"), eos_token="</s>")
    translation = Translation(target, draft)
    (start,), (end,) = _ids(target, "<|start|>"), _ids(target, "<|end|>")
    assert translation.texts_for_draft[start] == b"<|start|>"
    assert translation.texts_for_draft[end] == b"</s>"
    (own_start,), (own_end,), (mask,) = (_ids(draft, text) for text in ("<|start|>", "</s>", "<mask>"))
    assert translation.texts_for_target[own_start] == b"<|start|>"
    assert translation.texts_for_target[own_end] == b"<|end|>"
    assert translation.texts_for_target[mask] == b"", "the target would read its spelling as text"
    assert translation.encode_draft(_ids(target, "a"), [], [*_ids(draft, "."), own_end]) == [*_ids(target, "."), end]


def test_the_number_of_tokens_for_one_is_measured(tokenizers: dict[str, Tokenizer], wrap: Wrap) -> None:
    assert Translation(tokenizers["gpt2"], tokenizers["gpt2"]).num_draft_tokens_per_token == 1
    assert Translation(tokenizers["gpt2"], wrap(_bytes_alone())).num_draft_tokens_per_token > 1.2
    assert Translation(wrap(_bytes_alone()), tokenizers["gpt2"]).num_draft_tokens_per_token < 1


def test_tokens_that_depend_on_their_neighbours_are_refused(tokenizers: dict[str, Tokenizer]) -> None:
    with pytest.raises(ModelLoadError, match="a token of the target says depends on the tokens beside it"):
        Translation(tokenizers["wordpiece"], tokenizers["gpt2"])
    with pytest.raises(ModelLoadError, match="a token of the draft says depends on"):
        Translation(tokenizers["gpt2"], tokenizers["wordpiece"])


def test_a_draft_that_cannot_spell_what_it_reads_is_refused(tokenizers: dict[str, Tokenizer], wrap: Wrap) -> None:
    """A vocabulary of words, without bytes for the rest, has nothing but unknown tokens before it."""
    backend = Backend(models.BPE({"<unk>": 0, **{c: i for i, c in enumerate("ĠTheandof", 1)}}, [], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    with pytest.raises(ModelLoadError, match="only 0% of sample texts survive the draft's tokenizer"):
        Translation(tokenizers["gpt2"], wrap(backend))


def test_whole_text_leaves_out_an_unfinished_character_alone() -> None:
    assert whole_text(["é".encode()[:1], "é".encode()[1:], b"a"]) == ("éa", True)
    assert whole_text([b"a", "€".encode()[:2]]) == ("a", False)
    assert whole_text([b"\xffa"]) == ("\N{REPLACEMENT CHARACTER}a", True)
    assert whole_text([]) == ("", True)
