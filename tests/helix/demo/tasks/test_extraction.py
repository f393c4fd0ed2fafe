"""Extracted fields stand in the sentence, and answers are compared as JSON."""

from __future__ import annotations

import json
import random
import re

from helix.demo.example import Split
from helix.demo.tasks import extraction


def test_every_value_stands_in_the_sentence_and_every_key_in_the_request() -> None:
    rng = random.Random(1)
    for split in Split:
        for _ in range(300):
            *_, question, answer = extraction.generate(rng, split).messages
            record = json.loads(answer["content"])
            for key, value in record.items():
                assert key in question["content"]
                for part in value if isinstance(value, list) else [value]:
                    assert re.search(rf"(?<!\w){re.escape(str(part))}(?!\w)", question["content"])


def test_spacing_order_and_fences_do_not_matter() -> None:
    is_correct = extraction.same_json({"name": "Ada", "age": 36})
    assert is_correct('{"age":36,"name":"Ada"}')
    assert is_correct('```json\n{"name": "Ada", "age": 36}\n```')
    assert not is_correct('{"name": "Ada", "age": "36"}')
    assert not is_correct('{"name": "Ada"}')
    assert not is_correct("Ada is 36.")
