"""Texts on which two tokenizers that are not the same are likely to differ."""

from __future__ import annotations

import random
from collections.abc import Sequence

_FRAGMENTS = (
    *("Hello", " world", "don't", "I'LL", "we've", "naïve", "Straße", "ﬁne", "camelCaseWord", "snake_case", "__init__"),
    *("1", "12", "123", "1234", "12345678901", "3.14", "1,000,000", "0xFF", "1e-9", "²", "½", "Ⅻ", "٣٤"),
    *(
        " ",
        "  ",
        "   ",
        "\n",
        "\n\n",
        " \n ",
        "\r\n",
        "\t",
        "\t\t",
        " \t",
        "\u00a0",
        "\u2003",
        "\u3000",
        "\x0b\x0c",
        "\x85",
    ),
    *(
        ".",
        "...",
        "!?",
        "(){}[]",
        "=>",
        "//",
        "/*",
        "*/",
        "---",
        "<|",
        "|>",
        "<think>",
        "</s>",
        "@#$%^&*",
        "«»",
        "„“",
        "—",
    ),
    *("e\u0301", "\u00e9", "a\u0308\u0323", "\u0131I\u0130", "\u212b", "\u1e9b\u0323", "\u0344", "\u2126"),
    *(
        "Привет",
        "мир",
        "Ελλάδα",
        "שלום",
        "مرحبا",
        "नमस्ते",
        "สวัสดี",
        "你好",
        "世界",
        "こんにちは",
        "ﾊﾝｶｸ",
        "안녕",
        "\u1112\u1161\u11ab",
    ),
    *("😀", "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "☃️", "∑∫√", "→", "€", "₿", "𝔘𝔫𝔦", "𐍈", "\U00020000", "\U000f0000"),
    *(
        "\x00",
        "\x1b",
        "\x7f",
        "\ufeff",
        "\u200b",
        "\u200d",
        "\u2028",
        "\u00ad",
        "\ufffd",
        "\uffff",
        "\u0378",
        "ʰ",
        "ǅ",
        "ª",
    ),
    *("def f(x):\n    return x + 1\n", '{"key": [1, 2.5, null]}', "SELECT * FROM t;", "https://example.com/?q=1&r=%20"),
    *("aaaaaaaaaaaaaaaa", "abababababab", "                ", "ThE QuIcK", "'s", "'S", "’s", "'", '"', "ſ", "K"),
)


def probe_texts(added_tokens: Sequence[str] = (), num_mixtures: int = 200) -> list[str]:
    """Return every fragment alone and num_mixtures random concatenations of fragments and added tokens.

    The same arguments give the same texts. Fragments cover the general categories of Unicode, its white space, what
    normalization changes, and what the usual splitting patterns treat apart: contractions, digits, line ends, case.
    """
    random_numbers = random.Random(0)
    fragments = [*_FRAGMENTS, *random_numbers.sample(list(added_tokens), min(len(added_tokens), 20))]
    mixtures = [
        "".join(random_numbers.choices(fragments, k=random_numbers.randint(2, 12))) for _ in range(num_mixtures)
    ]
    return ["", *fragments, *mixtures]
