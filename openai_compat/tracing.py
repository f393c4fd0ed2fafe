"""OpenTelemetry traces: one span for each answer, and below it one for each phase of each choice.

What the spans are called follows OpenTelemetry's conventions for generative AI, and for what those do not know the
prefix "helix". There is no text in them, and no key. Importing this module needs the extra "otel".
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from opentelemetry.context import Context
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from helix import ConfigError, FinishReason, RequestMetrics
from openai_compat.request_record import RequestRecord
from openai_compat.version import package_version

OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
    "/generate": "text_completion",
    "/generate/batch": "text_completion",
    "/generate/stream": "text_completion",
}
"""What is traced, under gen_ai.operation.name; health checks and files are not."""

_PROPAGATED = (b"traceparent", b"tracestate", b"baggage", b"b3")
"""Of the client's headers, what propagators may look at."""


def exporting_provider() -> TracerProvider:
    """Return what sends spans to where the environment variables OTEL_* say; shutdown sends what is left.

    Raises:
        ConfigError: They ask for an exporter or a protocol that is not there.
    """
    own = Resource.create({SERVICE_NAME: "helix", SERVICE_VERSION: package_version()})
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()))
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
        exporter = _exporter(name.strip())
        if exporter is not None:
            provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporter(name: str) -> SpanExporter | None:
    match name:
        case "otlp" | "":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            variables = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
            protocol = next((os.environ[one] for one in variables if os.environ.get(one)), "http/protobuf")
            if protocol != "http/protobuf":
                raise ConfigError(f"OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, got {protocol}")
            return OTLPSpanExporter()
        case "console":
            return ConsoleSpanExporter()
        case "none":
            return None
        case _:
            raise ConfigError(f"OTEL_TRACES_EXPORTER must be otlp, console or none, got {name}")


class RequestTraces:
    """Makes spans of requests that are over, on the clock of the wall, under the parent that a client names."""

    def __init__(self, provider: TracerProvider, model: str) -> None:
        self._tracer = provider.get_tracer("helix", package_version())
        self._model = model
        self._epoch_ns = time.time_ns() - time.monotonic_ns()

    def write(self, record: RequestRecord) -> None:
        """Hand over the spans of one request, if it is one for the model."""
        operation = OPERATIONS.get(record.path.rstrip("/"))
        if operation is None or record.method == "OPTIONS":
            return
        carrier = {name.decode(): value.decode("latin-1") for name, value in record.headers if name in _PROPAGATED}
        span = self._tracer.start_span(
            f"{operation} {self._model}",
            context=extract(carrier, context=Context()),
            kind=SpanKind.SERVER,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": "helix",
                "gen_ai.request.model": self._model,
                **_http_attributes(record),
                **_answer_attributes(record),
            },
            start_time=self._ns(record.started_s),
        )
        if record.status is None or record.status >= 500 or _has_aborted(record):
            span.set_status(StatusCode.ERROR)
        inside = set_span_in_context(span, Context())
        for choice, metrics in sorted(record.metrics.items()):
            self._write_phases(inside, choice, metrics, record.ended_s)
        span.end(self._ns(record.ended_s))

    def _write_phases(self, inside: Context, choice: int, metrics: RequestMetrics, ended_s: float) -> None:
        for name, start_s, end_s in _phases(metrics, ended_s):
            attributes: dict[str, AttributeValue] = {"helix.choice": choice}
            if name == "prefill":
                attributes["helix.num_computed_prompt_tokens"] = metrics.num_prompt_tokens - metrics.num_cached_tokens
            if name == "decode":
                attributes["helix.num_steps"] = metrics.spec.num_steps
            span = self._tracer.start_span(name, context=inside, attributes=attributes, start_time=self._ns(start_s))
            span.end(self._ns(end_s))

    def _ns(self, monotonic_s: float) -> int:
        return self._epoch_ns + round(monotonic_s * 1e9)


def _phases(metrics: RequestMetrics, ended_s: float) -> Iterator[tuple[str, float, float]]:
    """Yield name, start and end; the phase that a request did not leave ends with it."""
    scheduled_s, first_s, last_s = metrics.scheduled_s, metrics.first_token_s, metrics.last_token_s
    yield "queue", metrics.arrival_s, ended_s if scheduled_s is None else scheduled_s
    if scheduled_s is not None:
        yield "prefill", scheduled_s, ended_s if first_s is None else first_s
    if first_s is not None and last_s is not None:
        yield "decode", first_s, last_s


def _http_attributes(record: RequestRecord) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "http.request.method": record.method,
        "url.path": record.path,
        "helix.request_id": record.request_id,
    }
    if record.status is None:
        attributes["error.type"] = "client_left"
    else:
        attributes["http.response.status_code"] = record.status
        if record.status >= 400:
            attributes["error.type"] = str(record.status)
        elif _has_aborted(record):
            attributes["error.type"] = FinishReason.ABORT.value
    return attributes


def _answer_attributes(record: RequestRecord) -> dict[str, AttributeValue]:
    """Return what the engine did: sums over all choices."""
    metrics = list(record.metrics.values())
    if record.answer_id is None or not metrics:
        return {}
    ttfts = [one.ttft_s for one in metrics if one.ttft_s is not None]
    attributes: dict[str, AttributeValue] = {
        "gen_ai.response.id": record.answer_id,
        "gen_ai.response.finish_reasons": [
            record.finish_reasons.get(choice, FinishReason.ABORT).value for choice in sorted(record.metrics)
        ],
        "gen_ai.usage.input_tokens": sum(one.num_prompt_tokens for one in metrics),
        "gen_ai.usage.output_tokens": sum(one.num_generated_tokens for one in metrics),
        "gen_ai.usage.cache_read.input_tokens": sum(one.num_cached_tokens for one in metrics),
        "helix.num_draft_tokens": sum(one.spec.num_draft_tokens for one in metrics),
        "helix.num_accepted_tokens": sum(one.spec.num_accepted_tokens for one in metrics),
        "helix.num_preemptions": sum(one.num_preemptions for one in metrics),
    }
    if ttfts:
        attributes["gen_ai.response.time_to_first_chunk"] = min(ttfts)
    return attributes


def _has_aborted(record: RequestRecord) -> bool:
    return any(choice not in record.finish_reasons for choice in record.metrics)
