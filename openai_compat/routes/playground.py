"""The page at /: files of the package, read once."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from litestar import Controller, Request, Response, route

from openai_compat.auth import OPEN_TO_ALL
from openai_compat.errors import ApiError

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",  # asked for again each time, and mostly answered with 304
}
MEDIA_TYPES = {  # Litestar adds the charset to those of text
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}


class PlaygroundController(Controller):
    """The page itself needs no key; what it asks of the server does."""

    opt = {OPEN_TO_ALL: True}  # noqa: RUF012
    include_in_schema = False

    @route("/", http_method=["GET", "HEAD"], sync_to_thread=False)
    def show_page(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the page."""
        return _response(request, "index.html")

    @route("/playground/{path:path}", http_method=["GET", "HEAD"], sync_to_thread=False)
    def get_file(self, request: Request[Any, Any, Any], path: str) -> Response[bytes]:
        """Return a script, a style sheet or a licence of the page."""
        return _response(request, path.removeprefix("/"))


class PageFile(NamedTuple):
    """One file of the page."""

    content: bytes
    media_type: str
    etag: str


@cache
def page_files() -> dict[str, PageFile]:
    """Return the files of the page by path; what is not among them cannot be asked for."""
    return dict(_read(resources.files("openai_compat") / "playground", ""))


def _read(folder: Traversable, prefix: str) -> list[tuple[str, PageFile]]:
    files: list[tuple[str, PageFile]] = []
    for entry in folder.iterdir():
        ending = entry.name.rpartition(".")[2]
        if entry.is_dir():
            files += _read(entry, f"{prefix}{entry.name}/")
        elif ending in MEDIA_TYPES:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            files.append((prefix + entry.name, PageFile(content, MEDIA_TYPES[ending], etag)))
    return files


def _response(request: Request[Any, Any, Any], path: str) -> Response[bytes]:
    file = page_files().get(path)
    if file is None:
        raise ApiError(404, f"There is no file '{path[:128]}' of the page.", code="not_found")
    headers = HEADERS | {"etag": file.etag}
    if file.etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)
