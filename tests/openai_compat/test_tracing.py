"""A trace tells of an answer what it took and under whose call it came, and nothing of what was said."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from helix import ConfigError
from openai_compat.cli import main
from openai_compat.config import ServerConfig
from openai_compat.tracing import RequestTraces, exporting_provider
from tests.fakes import FakeEngine
from tests.servers import Server, running_server

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def traced(exporter: InMemorySpanExporter) -> Iterator[Server[FakeEngine]]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = RequestTraces(provider, "model-1")
    config = ServerConfig(port=0, api_key=("sk-secret",))
    with running_server(FakeEngine(step_s=0.005), config, write=[traces.write]) as server:
        yield server


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[Callable[[int], Sequence[ReadableSpan]]]:
    """Wait for so many spans: an answer arrives before they are made."""

    def taken(number: int) -> Sequence[ReadableSpan]:
        deadline_s = time.monotonic() + 10
        while len(found := exporter.get_finished_spans()) < number:
            assert time.monotonic() < deadline_s, found
            time.sleep(0.01)
        assert len(found) == number
        return found

    exporter.clear()
    yield taken


def test_an_answer_is_a_span_under_the_clients_with_a_span_for_each_phase_of_each_choice(
    traced: Server[FakeEngine], spans: Callable[[int], Sequence[ReadableSpan]]
) -> None:
    before_ns = time.time_ns()
    answer = traced.openai.chat.completions.with_raw_response.create(
        model="model-1",
        messages=[{"role": "user", "content": "hi"}],
        n=2,
        max_tokens=9,
        extra_headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
    )
    body = json.loads(answer.content)
    *phases, root = spans(7)
    assert root.name == "chat model-1"
    assert root.parent is not None and root.attributes is not None
    assert (f"{root.context.trace_id:032x}", f"{root.parent.span_id:016x}") == (TRACE, PARENT)
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in root.attributes.items()}
    report = body["helix"]["speculation"]
    assert (
        told.items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "model-1",
            "gen_ai.response.id": body["id"],
            "gen_ai.response.finish_reasons": ["length", "length"],
            "gen_ai.usage.output_tokens": body["usage"]["completion_tokens"],
            "helix.num_draft_tokens": report["drafted"],
            "helix.num_accepted_tokens": report["accepted"],
            "helix.request_id": answer.headers["x-request-id"],
            "http.response.status_code": 200,
            "url.path": "/v1/chat/completions",
        }.items()
    )
    for choice in (0, 1):
        own = [one for one in phases if (one.attributes or {})["helix.choice"] == choice]
        assert [one.name for one in own] == ["queue", "prefill", "decode"]
        assert all(one.parent is not None and one.parent.span_id == root.context.span_id for one in own)
        edges = [edge or 0 for one in own for edge in (one.start_time, one.end_time)]
        assert edges[1:-1:2] == edges[2::2], "one phase begins where the one before ends"
        assert before_ns <= (root.start_time or 0) <= edges[0] <= edges[-1] <= (root.end_time or 0) <= time.time_ns()


def test_what_was_refused_or_left_is_told_and_what_is_not_for_the_model_is_not(
    traced: Server[FakeEngine], spans: Callable[[int], Sequence[ReadableSpan]]
) -> None:
    traced.http.get("/health")
    traced.http.get("/v1/models")
    assert traced.complete(temperature=9).status_code == 400
    (refused,) = spans(1)
    assert refused.attributes is not None
    assert (refused.name, refused.attributes["error.type"]) == ("text_completion model-1", "400")
    assert refused.status.status_code is StatusCode.UNSET, "it is the client's fault"
    with traced.http.stream("POST", "/generate/stream", json={"prompt": "x" * 900}) as stream:
        next(stream.iter_bytes())
    left = spans(5)[-1]
    assert left.attributes is not None
    assert left.attributes["gen_ai.response.finish_reasons"] == ("abort",)
    assert left.status.status_code is StatusCode.ERROR


def test_neither_texts_nor_keys_are_told(
    traced: Server[FakeEngine], spans: Callable[[int], Sequence[ReadableSpan]]
) -> None:
    traced.http.get("/generate/stream", params={"prompt": "secret prompt"}, headers={"baggage": "user=secret"})
    traced.chat(messages=[{"role": "user", "content": "secret prompt"}], user="secret", metadata={"a": "secret"})
    told = " ".join(one.to_json() for one in spans(8))
    assert "secret" not in told and "said" not in told


def test_the_environment_says_where_traces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "helix-in-vienna")
    try:
        provider = exporting_provider()
        with provider.get_tracer("test").start_as_current_span("one"):
            pass
        provider.shutdown()
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
    ((path, content),) = received
    assert path == "/v1/traces"
    (spans,) = ExportTraceServiceRequest.FromString(content).resource_spans
    facts = {one.key: one.value.string_value for one in spans.resource.attributes}
    assert facts["service.name"] == "helix-in-vienna"
    assert spans.scope_spans[0].spans[0].name == "one"


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
)
def test_an_exporter_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=value):
        exporting_provider()


def test_traces_without_the_packages_are_refused_in_a_sentence_before_a_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "openai_compat.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    assert main(["serve", "--traces", "nowhere/nothing", "--port", "0"]) != 0
    assert "pip install 'helix-llm[otel]'" in capsys.readouterr().err
