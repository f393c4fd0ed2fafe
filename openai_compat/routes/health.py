"""GET and HEAD of /health and /ready."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, route

from openai_compat.auth import OPEN_TO_ALL
from openai_compat.delivery import json_response
from openai_compat.draining import is_draining
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.health import Health
from openai_compat.service import Service


class HealthController(Controller):
    """For load balancers and container health checks; needs no key."""

    opt = {OPEN_TO_ALL: True}  # noqa: RUF012

    @route("/health", http_method=["GET", "HEAD"], sync_to_thread=False)
    def check_health(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Say whether the engine serves: 200, or 503 when it does not, or not for long."""
        return _health(request, service)

    @route("/ready", http_method=["GET", "HEAD"], sync_to_thread=False)
    def check_ready(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Say the same: a server that serves is ready."""
        return _health(request, service)


def _health(request: Request[Any, Any, Any], service: Service) -> Response[Any]:
    stats, info = service.engine.stats(), service.engine.info
    health = Health(
        status="ok",
        model=service.models.name,
        device=info.device,
        dtype=info.dtype,
        num_running=stats.num_running,
        num_waiting=stats.num_waiting,
        num_blocks=stats.num_blocks,
        num_free_blocks=stats.num_free_blocks,
        block_size=info.block_size,
        kv_cache_dtype=info.kv_cache_dtype,
        kv_cache_bytes=info.kv_cache_bytes,
    )
    if not service.engine.is_alive:
        health.status = "unavailable"
    elif is_draining(request.app):
        health.status = "draining"
    is_ok = health.status == "ok"
    return json_response(health, None if is_ok else {"retry-after": "1"}, status=200 if is_ok else 503)
