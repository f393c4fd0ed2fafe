"""Lets in who brings a key, so many requests at a time, and keeps what is remembered for one key from others."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Guard, Receive, Scope, Send

from helix import FinishingRate
from openai_compat.errors import AuthenticationError, TooManyRequests

OPEN_TO_ALL = "open_to_all"
"""Key in a handler's opt: true where no key is asked for."""
COMPUTES = "computes"
"""Key in a handler's opt: true where the model works for the answer, although it is no POST."""


def require_api_key(api_keys: Sequence[str]) -> Guard:
    """Return a guard that raises AuthenticationError unless the request carries one of api_keys as a bearer token.

    It takes the same time whichever key is brought, right or wrong, and only digests are kept.
    """
    digests = [_digest(api_key) for api_key in api_keys]

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get(OPEN_TO_ALL):
            return
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise AuthenticationError(
                "You didn't provide an API key. Send it in the header 'Authorization: Bearer YOUR_KEY'."
            )
        digest = _digest(key.strip())
        if not sum(hmac.compare_digest(digest, known) for known in digests):  # a sum looks at every one
            raise AuthenticationError("Incorrect API key provided.", code="invalid_api_key")
        connection.scope["state"][_KEY_DIGEST] = digest

    return guard


def computes(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> bool:
    """Return whether the model works for a request."""
    return connection.scope.get("method") == "POST" or bool(handler.opt.get(COMPUTES))


class KeyLimit:
    """Counts what each key has running, and refuses what goes beyond.

    The guard comes behind require_api_key. The middleware gives a place back once its answer was sent to the end,
    failed, or lost its client.
    """

    def __init__(self, max_requests: int) -> None:
        self.max_requests = max_requests
        self.num_running: Counter[str] = Counter()
        """By the digest of the key."""
        self._rates: defaultdict[str, FinishingRate] = defaultdict(FinishingRate)

    def guard(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Take a place for a request that computes something, or raise TooManyRequests."""
        digest = connection.scope["state"].get(_KEY_DIGEST)
        if digest is None or not computes(connection, handler):
            return
        if self.num_running[digest] >= self.max_requests:
            raise TooManyRequests(
                f"This API key has {self.max_requests} requests running, which is its limit.",
                retry_after_s=self._rates[digest].retry_after_s(),
            )
        self.num_running[digest] += 1
        connection.scope["state"][_PLACE] = digest

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Return app with places given back."""

        async def give_back(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            finally:
                digest = scope.get("state", {}).pop(_PLACE, None)
                if digest is not None:
                    self.num_running[digest] -= 1
                    self._rates[digest].observe()
                    self.num_running += Counter()  # forgets keys that have nothing running

        return give_back


def cache_salt(connection: ASGIConnection[Any, Any, Any, Any], wanted: str | None) -> str | None:
    """Return the engine's cache_salt for a request: one for each key and each cache_salt that the client wants.

    None where no key is asked for and the client wants none.
    """
    digest = key_digest(connection)
    if wanted is None:
        return digest
    return f"{digest or ''}/{_digest(wanted)}"


def key_digest(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return what stands for the key of a request; None where no key is asked for."""
    digest: str | None = connection.scope["state"].get(_KEY_DIGEST)
    return digest


def is_own(connection: ASGIConnection[Any, Any, Any, Any], salt: str | None) -> bool:
    """Return whether a request of that cache_salt came with the key of this one; without keys, all are everybody's."""
    key_digest: str | None = connection.scope["state"].get(_KEY_DIGEST)
    return key_digest is None or (salt or "").partition("/")[0] == key_digest


_KEY_DIGEST = "helix_key_digest"
_PLACE = "helix_key_place"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
