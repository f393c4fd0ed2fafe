"""Settings are checked when built."""

from __future__ import annotations

from typing import Any

import pytest

from helix import ConfigError
from openai_compat.config import ServerConfig


@pytest.mark.parametrize(
    "settings",
    [
        {"port": -1},
        {"port": 65536},
        {"max_request_mib": 0},
        {"keep_alive_s": 0},
        {"max_connections": 0},
        {"receive_timeout_s": 0},
        {"response_store_mib": 0},
        {"api_key": ("schlüssel",)},
        {"api_key": ("fine", " ")},
        {"api_key": "a string"},
        {"max_requests_per_key": 0},
    ],
)
def test_bad_settings_are_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        ServerConfig(**settings)


@pytest.mark.parametrize(
    ("host", "api_key", "is_open"),
    [
        ("127.0.0.1", (), False),
        ("127.0.0.2", (), False),
        ("localhost", (), False),
        ("::1", (), False),
        ("0.0.0.0", (), True),
        ("192.168.1.5", (), True),
        ("127.0.0.1.example.com", (), True),
        ("", (), True),
        ("0.0.0.0", ("key",), False),
    ],
)
def test_open_means_reachable_from_elsewhere_without_a_key(host: str, api_key: tuple[str, ...], is_open: bool) -> None:
    assert ServerConfig(host=host, api_key=api_key).is_open_to_network is is_open
