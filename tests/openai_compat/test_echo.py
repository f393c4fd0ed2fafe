"""What an answer shows of its prompt."""

from __future__ import annotations

from typing import Any

import msgspec

from openai_compat.echo import Echo, echoed_prompts
from openai_compat.prompts import encode_prompts
from openai_compat.schemas.completions import CompletionRequest
from tests.fakes import EOS, ByteTokenizer


class WithBeginning(ByteTokenizer):
    """Puts a special token before every text."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return [EOS] * add_special_tokens + super().encode(text)


class WithSpace(ByteTokenizer):
    """Puts a space before every text that decoding takes off again, as SentencePiece does."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return super().encode(" " + text)

    def decode(self, token_ids: Any, *, skip_special_tokens: bool = True) -> str:
        return super().decode(token_ids, skip_special_tokens=skip_special_tokens).removeprefix(" ")


def echo(prompt: Any, tokenizer: ByteTokenizer | None = None, **fields: Any) -> list[Echo]:
    tokenizer = tokenizer or ByteTokenizer()
    request = msgspec.convert({"model": "m", "prompt": prompt, "echo": True} | fields, CompletionRequest)
    return echoed_prompts(request, encode_prompts(request, tokenizer), tokenizer)


def test_every_prompt_comes_back_as_text() -> None:
    assert [one.text for one in echo(["a", "b"])] == ["a", "b"]
    assert [one.text for one in echo([104, 105])] == ["hi"]
    assert [one.text for one in echo([[104], [105]])] == ["h", "i"]
    assert echo("a", echo=False) == echo("a", echo=None) == []


def test_the_pieces_of_all_tokens_are_the_text() -> None:
    for prompt in ("hé", [104, 195, 169], ""):
        for tokenizer in (ByteTokenizer(), WithBeginning(), WithSpace()):
            (one,) = echo(prompt, tokenizer)
            assert b"".join(one.pieces).decode() == one.text
            assert len(one.pieces) == len(one.token_ids)


def test_a_token_that_the_tokenizer_added_is_no_part_of_the_text() -> None:
    (one,) = echo("hi", WithBeginning())
    assert (one.text, one.token_ids, one.pieces) == ("hi", [EOS, 104, 105], [b"", b"h", b"i"])


def test_special_tokens_are_shown_to_those_who_want_them() -> None:
    (hidden,) = echo([104, EOS])
    assert (hidden.text, hidden.pieces) == ("h", [b"h", b""])
    (shown,) = echo([104, EOS], skip_special_tokens=False)
    assert (shown.text, shown.pieces) == ("h<eos>", [b"h", b"<eos>"])
