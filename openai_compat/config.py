"""Host, port, keys and limits of the server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from helix import ConfigError

LOOPBACK_HOSTS = frozenset({"localhost", "::1"})
_LOOPBACK_ADDRESS = re.compile(r"127(\.[0-9]{1,3}){3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Where the server listens, whom it lets in and under which names the model answers."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every network of the machine."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    api_key: tuple[str, ...] = field(default=(), repr=False)
    """Key that clients must send as a bearer token. Without one, and without a file of them, it is taken from the
    environment variable HELIX_API_KEY, several separated by commas; no key at all lets every program of this machine
    in, and nobody else."""
    api_key_file: str | None = None
    """File of further keys, one per line, where # begins a comment; None: no file."""
    allow_no_key: bool = False
    """Let everybody in who can reach the server and has no key, on a host that other machines reach as well."""
    max_requests_per_key: int | None = None
    """Requests that one key may have running; one more is refused as too many. None: as many as the engine takes."""
    served_model_name: tuple[str, ...] = ()
    """Names under which clients may ask for the model, besides its own; the first one is shown."""
    cors_origin: tuple[str, ...] = ()
    """Origins whose pages may call the server from a browser; * for all of them."""
    max_request_mib: int = 32
    """Largest request body in MiB."""
    max_connections: int = 2048
    """Most connections at once, idle ones included; one more is told that the server is busy, and closed."""
    receive_timeout_s: float = 30.0
    """How long a client may take to send the headers of a request, and then its body, before it is cut off."""
    keep_alive_s: float = 15.0
    """Silence on a stream after which a comment line keeps the connection open."""
    response_store: str | None = None
    """SQLite file in which responses of /v1/responses are kept; None: memory, until the server stops."""
    response_store_mib: int = 256
    """Most that is kept of responses, in MiB; the least recently used ones go first."""
    separate_reasoning: bool = True
    """Give what a model thinks before it answers as reasoning_content, apart from the content."""
    log_format: Literal["plain", "json"] | None = None
    """Write a line to standard error for each request, with its id, status, tokens and times, and never its text;
    None: no lines."""
    traces: bool = False
    """Send an OpenTelemetry trace of each answer, with its phases and counts and never its text, to where the
    environment variables OTEL_* say; needs helix-llm[otel]."""
    queue_timeout_s: float | None = 600.0
    """How long a request may wait for its turn, in seconds; then it is refused. OpenAI's SDKs give up after 600."""
    drain_timeout_s: float = 30.0
    """How long running requests may take to finish when the server is told to stop; those that are not done by then end
    with an error, and a second signal ends them at once."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be between 0 and 65535, got {self.port}")
        for name, value in (
            ("max_request_mib", self.max_request_mib),
            ("max_connections", self.max_connections),
            ("receive_timeout_s", self.receive_timeout_s),
            ("keep_alive_s", self.keep_alive_s),
            ("response_store_mib", self.response_store_mib),
            ("queue_timeout_s", self.queue_timeout_s),
            ("drain_timeout_s", self.drain_timeout_s),
        ):
            if value is not None and value <= 0:
                raise ConfigError(f"{name} must be positive, got {value}")
        if not isinstance(self.api_key, tuple):
            raise ConfigError("api_key must be a tuple of keys")
        if any(not key.isascii() or not key.strip() for key in self.api_key):
            raise ConfigError("api_key must consist of ASCII characters, because it travels in a header")
        if self.max_requests_per_key is not None and self.max_requests_per_key < 1:
            raise ConfigError(f"max_requests_per_key must be positive, got {self.max_requests_per_key}")

    @property
    def is_open_to_network(self) -> bool:
        """Whether other machines can reach the server without a key."""
        return not is_loopback(self.host) and not self.api_key


def is_loopback(host: str) -> bool:
    """Return whether an address or a name means this machine alone."""
    return host in LOOPBACK_HOSTS or _LOOPBACK_ADDRESS.fullmatch(host) is not None
