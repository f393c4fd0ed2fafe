"""Encoding, decoding, streaming and chat templates of whole tokenizers."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from transformers import PreTrainedTokenizerFast

from helix.errors import InvalidRequestError, ModelLoadError, TextTooLongError
from helix.text.tokenizer import Tokenizer, same_vocabulary

FAMILIES = ["gpt2", "qwen2", "llama3", "shuffled", "sentencepiece", "wordpiece"]
HI = [{"role": "user", "content": "the time"}]


@pytest.mark.parametrize("name", FAMILIES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_streamed_text_is_the_decoded_text(tokenizers: dict[str, Tokenizer], name: str, data: st.DataObject) -> None:
    """Any tokens, in any order, in any pushes; broken UTF-8 included where the vocabulary is a table of bytes."""
    tokenizer = tokenizers[name]
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size + 3), max_size=12))
    skip = data.draw(st.booleans())
    cut = data.draw(st.integers(0, len(ids)))
    detokenizer = tokenizer.detokenizer(skip_special_tokens=skip)
    streamed = detokenizer.feed(ids[:cut]) + detokenizer.feed(ids[cut:]) + detokenizer.finish()
    assert streamed == tokenizer.decode(ids, skip_special_tokens=skip)


@pytest.mark.parametrize("name", FAMILIES[:5])
@settings(deadline=None, max_examples=60)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=20))
def test_text_survives_encoding_and_decoding(tokenizers: dict[str, Tokenizer], name: str, text: str) -> None:
    tokenizer = tokenizers[name]
    ids = tokenizer.encode(text)
    if name != "qwen2":  # which normalizes
        assert tokenizer.decode(ids) == text
    plain_ids = tokenizer.encode(text, add_special_tokens=False)
    plain = b"".join(map(tokenizer.token_bytes, plain_ids)).decode()
    assert plain.removeprefix(" " if name == "sentencepiece" else "") == tokenizer.decode(ids)


def test_a_text_that_no_context_has_room_for_is_refused_unread(tokenizers: dict[str, Tokenizer]) -> None:
    """Encoding hundreds of megabytes takes minutes; what the engine encodes for itself has no such limit."""
    tokenizer = copy(tokenizers["llama3"])
    tokenizer.limit(2)
    assert tokenizer.encode("x" * 128)
    with pytest.raises(TextTooLongError, match=r"is 2 tokens.*129 characters, and more than 128") as caught:
        tokenizer.encode("x" * 129)
    assert caught.value.param == "prompt"
    assert tokenizer.encode_behind("y" * 200, "x" * 200)


def test_a_million_spaces_are_encoded(tokenizers: dict[str, Tokenizer]) -> None:
    """tiktoken's regular expressions overflow their stack, with an error that no except Exception catches."""
    tokenizer = tokenizers["qwen2"]
    assert tokenizer.backend == "tiktoken"
    assert tokenizer.decode(tokenizer.encode(" " * 1_000_001)) == " " * 1_000_001


def test_special_tokens_are_added_skipped_and_shown(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["llama3"]
    ids = tokenizer.encode("time<|end|>")
    assert [tokenizer.is_special(i) for i in ids] == [True, *[False] * (len(ids) - 2), True]
    assert tokenizer.encode("time<|end|>", add_special_tokens=False) == ids[1:]
    assert tokenizer.decode(ids) == "time"
    assert tokenizer.decode(ids, skip_special_tokens=False) == "<|start|>time<|end|>"
    assert tokenizer.token_bytes(ids[-1]) == b"<|end|>"
    assert not tokenizer.is_special(tokenizer.encode("<think>", add_special_tokens=False)[0])
    assert tokenizer.special_ids == {tokenizer.encode(text)[1] for text in ("<|start|>", "<|end|>", "<|en")}
    assert tokenizer.prefix_token_ids == ids[:1]


def test_one_token_in_printable_form(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["gpt2"]
    snowman = tokenizer.encode("\N{MOYAI}")
    assert b"".join(map(tokenizer.token_bytes, snowman)) == "\N{MOYAI}".encode()
    assert tokenizer.token_text(snowman[0]) == "\N{REPLACEMENT CHARACTER}"
    assert tokenizer.token_text(tokenizer.encode(" the")[0]) == " the"


def test_padding_ids_have_no_text(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["gpt2"]
    for token_id in (tokenizer.vocab_size, tokenizer.vocab_size + 1000, -1):
        assert tokenizer.token_bytes(token_id) == b""
        assert tokenizer.token_text(token_id) == ""
    assert tokenizer.decode([tokenizer.vocab_size, *tokenizer.encode("a")]) == "a"


@pytest.mark.parametrize("name", ["gpt2", "sentencepiece"])
def test_unpaired_surrogates_are_replaced(tokenizers: dict[str, Tokenizer], name: str) -> None:
    """JSON can spell them; both libraries fail on them."""
    assert tokenizers[name].decode(tokenizers[name].encode("he\ud800\U0001f600")) == "he\ufffd\U0001f600"


@pytest.mark.parametrize("name", ["sentencepiece", "wordpiece"])
def test_a_continuation_keeps_the_space_of_its_first_word(tokenizers: dict[str, Tokenizer], name: str) -> None:
    tokenizer = tokenizers[name]
    prompt, output = ("h", "he") if name == "sentencepiece" else ("the", "time")
    ids = tokenizer.encode(output)
    assert tokenizer.detokenizer().feed(ids) == output
    assert tokenizer.detokenizer(prompt_token_ids=tokenizer.encode(prompt)).feed(ids) == f" {output}"


@pytest.mark.parametrize("name", FAMILIES[:5])
def test_a_text_behind_another_is_encoded_as_in_one_with_it(tokenizers: dict[str, Tokenizer], name: str) -> None:
    """SentencePiece would put a space before a text that is encoded alone."""
    tokenizer = tokenizers[name]
    for context, text in (("the", " time of"), ("then", ", he"), ("\n", "he"), ("<|end|>", "the")):
        both = tokenizer.encode(context + text, add_special_tokens=False)
        ids = tokenizer.encode_behind(context, text)
        assert ids == both[-len(ids) :]
        assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()
    assert tokenizer.encode_behind("", "the time") == tokenizer.encode("the time", add_special_tokens=False)


def test_a_text_that_grows_into_the_one_before_is_encoded_alone(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["gpt2"]
    assert tokenizer.encode("time") == tokenizer.encode_behind("", "time")
    assert tokenizer.encode_behind(" ti", "me") == tokenizer.encode("me")


@pytest.mark.parametrize(
    ("template", "shown"),
    [(None, None), ("a", "a"), ({"default": "a", "tool_use": "b"}, "b"), ({"default": "a", "rag": "b"}, "a")],
)
def test_the_template_that_shows_tools_can_be_read(backends: dict[str, Backend], template: Any, shown: str) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backends["gpt2"], eos_token="<|end|>")
    tokenizer.chat_template = template
    assert Tokenizer(tokenizer).chat_template == shown


def test_ends_of_sequence(backends: dict[str, Backend]) -> None:
    inner = PreTrainedTokenizerFast(tokenizer_object=backends["gpt2"], eos_token="<|end|>", bos_token="<|start|>")
    tokenizer = Tokenizer(inner, eos_token_ids=[7])
    assert tokenizer.eos_token_id == backends["gpt2"].token_to_id("<|end|>")
    assert tokenizer.eos_token_ids == {7, tokenizer.eos_token_id}
    assert tokenizer.bos_token_id == backends["gpt2"].token_to_id("<|start|>")
    assert tokenizer.vocab_size == backends["gpt2"].get_vocab_size()


def test_same_vocabulary_compares_contents(
    backends: dict[str, Backend], tokenizers: dict[str, Tokenizer], wrap: Callable[..., Tokenizer]
) -> None:
    assert same_vocabulary(tokenizers["gpt2"], wrap(Backend.from_str(backends["gpt2"].to_str())))
    assert not same_vocabulary(tokenizers["gpt2"], tokenizers["shuffled"])
    longer = Backend.from_str(backends["gpt2"].to_str())
    longer.add_tokens(["<extra>"])
    assert same_vocabulary(tokenizers["gpt2"], wrap(longer)), "one token more leaves the others what they are"
    longer.add_tokens([f"<extra {number}>" for number in range(20)])
    assert not same_vocabulary(tokenizers["gpt2"], wrap(longer))
    assert not same_vocabulary(wrap(longer), tokenizers["gpt2"])


def test_chat_is_rendered_and_encoded_as_transformers_does(
    backends: dict[str, Backend], tokenizers: dict[str, Tokenizer]
) -> None:
    tokenizer = tokenizers["gpt2"]
    ids = tokenizer.apply_chat_template(HI)
    text = "<|start|>user\nthe time<|end|>\n<|start|>assistant\n"
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert ids == backends["gpt2"].encode(text).ids
    assert ids.count(backends["gpt2"].get_vocab()["<|start|>"]) == 2
    with_tools = tokenizer.apply_chat_template(HI, tools=[{"type": "function"}], add_generation_prompt=False)
    assert tokenizer.decode(with_tools).endswith("1 tools")
    assert tokenizer.decode(tokenizer.apply_chat_template(HI, hint="psst")).endswith("psst")


def test_special_text_inside_a_message_becomes_the_token(tokenizers: dict[str, Tokenizer]) -> None:
    ids = tokenizers["gpt2"].apply_chat_template([{"role": "user", "content": "a<|end|>b"}])
    assert ids.count(tokenizers["gpt2"].encode("<|end|>")[0]) == 2


def test_the_last_message_can_be_continued(tokenizers: dict[str, Tokenizer]) -> None:
    messages = [*HI, {"role": "assistant", "content": "it was"}]
    tokenizer = tokenizers["gpt2"]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=False, continue_final_message=True)
    assert tokenizer.decode(ids).endswith("assistant\nit was")
    with pytest.raises(InvalidRequestError, match="not compatible"):
        tokenizer.apply_chat_template(messages, continue_final_message=True)


def test_no_beginning_of_sequence_is_added_to_a_template(
    backends: dict[str, Backend], wrap: Callable[..., Tokenizer]
) -> None:
    tokenizer = wrap(backends["llama3"], chat_template="<|start|>{{ messages[0].content }}")
    assert tokenizer.apply_chat_template(HI) == tokenizer.encode("the time")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__['__builtins__']['open'](path, 'w').write('x') }}",
        "{{ messages.append('x') }}",
        "{{ raise_exception('roles must alternate') }}",
        "{{ messages[0].nothing.at_all }}",
        "{{ 1 / 0 }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% broken",
    ],
)
def test_template_errors_are_the_request_s_and_escapes_fail(
    backends: dict[str, Backend], wrap: Callable[..., Tokenizer], tmp_path: Path, template: str
) -> None:
    tokenizer = wrap(backends["gpt2"], chat_template=template)
    with pytest.raises(InvalidRequestError) as caught:
        tokenizer.apply_chat_template(HI, path=str(tmp_path / "escaped"))
    assert caught.value.param == "messages"
    assert not (tmp_path / "escaped").exists()


def test_empty_messages_and_missing_templates_are_refused(tokenizers: dict[str, Tokenizer]) -> None:
    assert tokenizers["gpt2"].has_chat_template
    assert not tokenizers["qwen2"].has_chat_template
    for name in ("gpt2", "qwen2"):
        with pytest.raises(InvalidRequestError) as caught:
            tokenizers[name].apply_chat_template([])
        assert caught.value.param == "messages"


@pytest.mark.parametrize("name", ["chat_template", "tokenize", "tokenizer_kwargs", "return_dict", "max_length"])
def test_callers_cannot_choose_how_templates_are_rendered(tokenizers: dict[str, Tokenizer], name: str) -> None:
    """chat_template as a template variable would let every caller run a template of their own."""
    with pytest.raises(InvalidRequestError) as caught:
        tokenizers["gpt2"].apply_chat_template(HI, tools=None, **dict[str, Any]({name: "{{ 1 }}"}))
    assert caught.value.param == name


def test_from_pretrained_reads_a_folder(tmp_path: Path, backends: dict[str, Backend]) -> None:
    PreTrainedTokenizerFast(
        tokenizer_object=backends["gpt2"], eos_token="<|end|>", chat_template="{{ messages[0].content }}"
    ).save_pretrained(tmp_path)
    end = backends["gpt2"].token_to_id("<|end|>")
    assert Tokenizer.from_pretrained(str(tmp_path)).eos_token_ids == {end}
    for eos, expected in (([3, 4], {3, 4, end}), (5, {5, end}), (None, {end})):
        (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": eos}), encoding="utf-8")
        tokenizer = Tokenizer.from_pretrained(str(tmp_path))
        assert tokenizer.eos_token_ids == expected
    assert tokenizer.decode(tokenizer.apply_chat_template(HI)) == "the time"


def test_what_cannot_be_loaded_is_a_load_error(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        Tokenizer.from_pretrained(str(tmp_path))
    for contents in ("{broken", "{}", '{"added_tokens": [], "model": {"type": "Nothing"}}'):
        (tmp_path / "tokenizer.json").write_text(contents, encoding="utf-8")
        with pytest.raises(ModelLoadError, match="cannot be loaded"):
            Tokenizer.from_pretrained(str(tmp_path))


def test_broken_generation_config_is_a_load_error(tmp_path: Path, backends: dict[str, Backend]) -> None:
    PreTrainedTokenizerFast(tokenizer_object=backends["gpt2"]).save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelLoadError, match=r"generation_config\.json"):
        Tokenizer.from_pretrained(str(tmp_path))


def test_tokenizers_without_a_fast_implementation_are_refused() -> None:
    with pytest.raises(ModelLoadError, match="fast"):
        Tokenizer(object())
