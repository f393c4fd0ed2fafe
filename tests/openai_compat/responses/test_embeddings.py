"""Vectors in the encoding that OpenAI's SDK asks for."""

from __future__ import annotations

import base64

import numpy as np

from openai_compat.responses.embeddings import encoded


def test_base64_is_that_of_little_endian_float32() -> None:
    vector = (0.5, -1.25, 3e-7)
    decoded = np.frombuffer(base64.b64decode(encoded(vector)), dtype="<f4")
    assert decoded.tolist() == np.array(vector, np.float32).tolist()
    assert encoded(()) == ""
