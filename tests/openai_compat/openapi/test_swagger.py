"""Swagger UI comes from this server alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx

from tests.fakes import FakeEngine
from tests.servers import Server


def test_the_page_loads_its_own_files_and_nothing_else(server: Server[FakeEngine]) -> None:
    page = server.http.get("/docs")
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    loaded = [link for link in re.findall(r'(?:src|href)="([^"]*)"', page.text) if not link.startswith("data:")]
    assert sorted(loaded) == ["docs/start.js", "docs/swagger-ui-bundle.js", "docs/swagger-ui.css"]
    for link in loaded:
        assert server.http.get(f"/{link}").status_code == 200
    start = server.http.get("/docs/start.js").text
    assert '"openapi.json"' in start and "validatorUrl: null" in start, "its badge would ask a server elsewhere"
    assert "//" not in page.text + start


def test_the_document_is_where_the_page_looks_for_it(server: Server[FakeEngine]) -> None:
    document = server.http.get("/openapi.json")
    assert document.headers["content-type"] == "application/json"
    assert document.json()["openapi"].startswith("3.1")
    assert "/generate" in document.json()["paths"]


def test_other_files_are_not_served(server: Server[FakeEngine]) -> None:
    for name in ("index.html", "LICENSE", "..%2fstart.js", "%2e%2e/config.py"):
        assert server.http.get(f"/docs/{name}").status_code == 404


def test_a_browser_without_a_key_may_read_how_to_use_one(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(api_key=("sk-secret",))
    for path in ("/docs", "/docs/start.js", "/openapi.json"):
        assert httpx.get(server.url + path).status_code == 200
    assert httpx.get(f"{server.url}/v1/models").status_code == 401
