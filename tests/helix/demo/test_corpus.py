import base64
import json
import random
from itertools import islice
from typing import Any

import pytest
import tiktoken
from transformers import AutoTokenizer

from helix.demo import TARGET_DIR, corpus
from helix.demo.example import Example, Split
from helix.demo.tokenizer import VOCAB_SIZE


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(TARGET_DIR)


def example(*turns: tuple[str, str]) -> Example:
    messages = [{"role": role, "content": content} for role, content in turns]
    return Example(kind="test", messages=messages, is_correct=lambda _: True)


def learned_text(tokenizer: Any, conversation: corpus.Conversation) -> str:
    pairs = zip(conversation.token_ids, conversation.is_learned, strict=True)
    text: str = tokenizer.decode([token_id for token_id, is_learned in pairs if is_learned])
    return text


def test_examples_depend_on_their_number_alone() -> None:
    first, again = (corpus.generate(3, Split.TRAIN, 17) for _ in range(2))
    assert first.messages == again.messages
    assert first.messages != corpus.generate(3, Split.TRAIN, 18).messages


def test_every_generator_is_drawn() -> None:
    assert set(corpus.WEIGHTS) == set(corpus.GENERATORS)
    assert min(corpus.WEIGHTS.values()) > 0


def test_only_the_assistant_is_learned(tokenizer: Any) -> None:
    conversation = corpus.render(
        tokenizer,
        example(
            ("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "Bye"), ("assistant", "See you.")
        ),
    )
    assert learned_text(tokenizer, conversation) == "Hello!<|im_end|>See you.<|im_end|>"


def test_tool_calls_are_learned_and_tool_results_are_not(tokenizer: Any) -> None:
    function = {"name": "get_time", "arguments": "{}"}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "How late is it?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "a", "content": "noon"},
        {"role": "assistant", "content": "It is noon."},
    ]
    conversation = corpus.render(tokenizer, Example(kind="test", messages=messages, is_correct=lambda _: True))
    expected = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call><|im_end|>It is noon.<|im_end|>'
    assert learned_text(tokenizer, conversation) == expected


def test_the_prompt_is_what_precedes_the_last_answer(tokenizer: Any) -> None:
    whole = example(("user", "Hi"), ("assistant", "Hello!"))
    prompt_ids = corpus.prompt(tokenizer, whole)
    token_ids = corpus.render(tokenizer, whole).token_ids
    assert token_ids[: len(prompt_ids)] == prompt_ids
    assert tokenizer.decode(token_ids[len(prompt_ids) :]) == "Hello!<|im_end|>\n"


def test_packing_labels_each_learned_row_with_the_next_token() -> None:
    first = corpus.Conversation([1, 2, 3, 4], [False, False, True, True])
    second = corpus.Conversation([5, 6, 7], [False, True, False])
    batch = corpus.pack([first, second])
    assert batch == corpus.Batch(
        input_ids=[1, 2, 3, 5, 6], positions=[0, 1, 2, 0, 1], lens=[3, 2], learned_rows=[1, 2, 3], labels=[3, 4, 6]
    )


def test_a_stopped_run_goes_on_with_the_examples_that_would_have_come(tokenizer: Any) -> None:
    def take(start: int, count: int) -> list[tuple[int, corpus.Batch]]:
        return list(islice(corpus.batches(corpus.stream(tokenizer, 5, start), 400), count))

    whole = take(0, 4)
    next_example = whole[1][0]
    assert take(next_example, 2) == whole[2:]


def test_every_byte_has_an_entry_and_returns(tokenizer: Any) -> None:
    text = "".join(map(chr, range(0x250))) + "漢字 العربية 🦊\u200d\u0301\n\n   x  "
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    assert len(tokenizer) == VOCAB_SIZE
    pieces = tokenizer.backend_tokenizer.model
    assert all(pieces.token_to_id(byte) is not None for byte in byte_alphabet())


def byte_alphabet() -> dict[str, int]:
    """Return GPT-2's printable character for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}


def test_tiktoken_gives_the_same_ids(tokenizer: Any) -> None:
    saved = json.loads((TARGET_DIR / "tokenizer.json").read_text())
    to_byte = byte_alphabet()
    ranks = {bytes(to_byte[c] for c in piece): rank for piece, rank in saved["model"]["vocab"].items()}
    special = {token["content"]: token["id"] for token in saved["added_tokens"]}
    pattern = saved["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    encoding = tiktoken.Encoding("demo", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    rng = random.Random(0)
    texts = [
        tokenizer.apply_chat_template(e.messages, tools=e.tools, tokenize=False)
        for e in (corpus.generate(9, rng.choice(list(Split)), i) for i in range(300))
    ]
    texts += [base64.b64encode(rng.randbytes(60)).decode() + rng.randbytes(40).decode("latin-1") for _ in range(100)]
    for text in texts:
        assert encoding.encode(text, allowed_special="all") == tokenizer.encode(text, add_special_tokens=False)
