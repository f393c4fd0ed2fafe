"""The page is served as files of the package, and nothing else is."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from openai_compat.routes.playground import page_files
from tests.fakes import FakeEngine
from tests.servers import Server


def test_the_page_needs_no_key_and_forbids_what_is_not_its_own(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(api_key=("sk-1",))
    page = server.http.get("/", headers={"authorization": ""})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert server.http.get("/playground/vendor/uplot.js", headers={"authorization": ""}).status_code == 200


def test_a_file_that_has_not_changed_is_not_sent_again(server: Server[FakeEngine]) -> None:
    first = server.http.get("/playground/vendor/uplot.css")
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = server.http.get("/playground/vendor/uplot.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.http.head("/").content == b""


@pytest.mark.parametrize(
    "path",
    ["../app.py", "..%2fapp.py", "vendor/../../config.py", "/etc/passwd", "nothing.js", "vendor", ".", "__init__.py"],
)
def test_only_files_of_the_page_can_be_asked_for(server: Server[FakeEngine], path: str) -> None:
    """Over a bare socket: a client would tidy the path up before sending it."""
    at = urlsplit(server.url)
    assert at.hostname is not None
    with socket.create_connection((at.hostname, at.port or 80), timeout=10) as sock:
        sock.sendall(f"GET /playground/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.split(b" ", 2)[1] in (b"404", b"400"), answer


def test_scripts_styles_and_licences_have_their_types() -> None:
    types = {path.rpartition(".")[2]: file.media_type for path, file in page_files().items()}
    assert set(types) <= {"html", "css", "js", "svg", "txt"}
    assert types["js"] == "text/javascript"
    assert {"vendor/LICENSE-htm.txt", "vendor/LICENSE-preact.txt", "vendor/LICENSE-uplot.txt"} <= set(page_files())
