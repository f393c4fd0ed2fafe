"""GET /metrics."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.params import Dependency
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from openai_compat.auth import OPEN_TO_ALL


class MetricsController(Controller):
    """For Prometheus; needs no key, since there are only sums in it."""

    opt = {OPEN_TO_ALL: True}  # noqa: RUF012

    @get("/metrics", sync_to_thread=False)
    def show_metrics(
        self, request: Request[Any, Any, Any], metrics: Annotated[CollectorRegistry, Dependency(skip_validation=True)]
    ) -> Response[bytes]:
        """Return the engine's counters, gauges and histograms in the format that the scraper prefers."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics), media_type=media_type)
