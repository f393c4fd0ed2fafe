"""The tasks are fixed texts that fit the model, and each is what its name says."""

from __future__ import annotations

import json

import pytest

from benchmarks.tasks import NUM_TURNS, TASKS, draw_questions, schema_of
from helix import Tokenizer
from helix.demo import TARGET_DIR
from helix.demo.corpus import MAX_LEN

CORPUS_TASKS = [name for name, task in TASKS.items() if task.draw is not None]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_pretrained(str(TARGET_DIR))


@pytest.mark.parametrize("name", CORPUS_TASKS)
def test_prompts_are_different_and_the_same_every_time(name: str, tokenizer: Tokenizer) -> None:
    drawn = draw_questions(name, tokenizer, 8)
    ids = [prompt.token_ids for prompt in drawn]
    assert len(set(ids)) == 8
    assert ids == [prompt.token_ids for prompt in draw_questions(name, tokenizer, 8)]
    assert ids[:3] == [prompt.token_ids for prompt in draw_questions(name, tokenizer, 3)]


@pytest.mark.parametrize("name", CORPUS_TASKS)
def test_prompts_are_texts_and_leave_room_for_the_answer(name: str, tokenizer: Tokenizer) -> None:
    for prompt in draw_questions(name, tokenizer, 8):
        text = tokenizer.decode(prompt.token_ids, skip_special_tokens=False)
        assert tuple(tokenizer.encode(text)) == prompt.token_ids
        assert len(prompt.token_ids) + TASKS[name].max_tokens <= MAX_LEN


def test_the_prediction_is_the_code_that_is_to_be_edited(tokenizer: Tokenizer) -> None:
    for prompt in draw_questions("code-editing", tokenizer, 8):
        code = tokenizer.decode(prompt.prediction)
        assert code.startswith("```python\ndef ")
        assert code in tokenizer.decode(prompt.token_ids)
        assert not prompt.is_correct(code), "an edit changes something"


def test_only_code_editing_predicts_and_only_json_has_a_schema(tokenizer: Tokenizer) -> None:
    drawn = {name: draw_questions(name, tokenizer, 2) for name in CORPUS_TASKS}
    assert {name for name, part in drawn.items() if any(prompt.prediction for prompt in part)} == {"code-editing"}
    assert {name for name, part in drawn.items() if any(prompt.json_schema for prompt in part)} == {"json"}


def test_a_tool_output_comes_in_at_every_turn_and_was_stated_again_at_every_earlier_one(tokenizer: Tokenizer) -> None:
    for prompt in draw_questions("agent-loops", tokenizer, 4):
        text = tokenizer.decode(prompt.token_ids, skip_special_tokens=False)
        answer = text.split("<|im_start|>assistant\n")[1].split("<|im_end|>")[0]
        assert text.count(answer) == 2 * NUM_TURNS - 1
        assert prompt.is_correct(answer)


def test_the_right_answer_obeys_the_schema_and_names_its_fields_in_order() -> None:
    record = {"name": "Ann", "age": 3, "hobbies": ["chess"]}
    schema = schema_of(json.loads(json.dumps(record)))
    assert list(schema["properties"]) == schema["required"] == ["name", "age", "hobbies"]
    assert [field["type"] for field in schema["properties"].values()] == ["string", "integer", "array"]
    assert schema["additionalProperties"] is False


def test_there_are_eight_tasks_and_every_method_tried_is_named_once() -> None:
    assert len(TASKS) == 8
    assert all(len(set(task.methods)) == len(task.methods) > 0 for task in TASKS.values())
