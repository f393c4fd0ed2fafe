"""Lets in who brings the key, and keeps what is remembered for one key from others."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from openai_compat.errors import AuthenticationError

OPEN_TO_ALL = "open_to_all"
"""Key in a handler's opt: true where no key is asked for."""


def require_api_key(api_key: str) -> Guard:
    """Return a guard that raises AuthenticationError unless the request carries api_key as a bearer token."""
    expected = api_key.encode()
    digest = _digest(api_key)

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get(OPEN_TO_ALL):
            return
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise AuthenticationError(
                "You didn't provide an API key. Send it in the header 'Authorization: Bearer YOUR_KEY'."
            )
        if not hmac.compare_digest(key.strip().encode(), expected):
            raise AuthenticationError("Incorrect API key provided.", code="invalid_api_key")
        connection.scope["state"][_KEY_DIGEST] = digest

    return guard


def cache_salt(connection: ASGIConnection[Any, Any, Any, Any], wanted: str | None) -> str | None:
    """Return the engine's cache_salt for a request: one for each key and each cache_salt that the client wants.

    None where no key is asked for and the client wants none.
    """
    key_digest: str | None = connection.scope["state"].get(_KEY_DIGEST)
    if wanted is None:
        return key_digest
    return f"{key_digest or ''}/{_digest(wanted)}"


_KEY_DIGEST = "helix_key_digest"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
