"""GET and HEAD of /health and /ready."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Response, route

from openai_compat.auth import OPEN_TO_ALL
from openai_compat.delivery import json_response
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.health import Health


class HealthController(Controller):
    """For load balancers and container health checks; needs no key."""

    opt = {OPEN_TO_ALL: True}  # noqa: RUF012

    @route(["/health", "/ready"], http_method=["GET", "HEAD"], sync_to_thread=False)
    def check_health(self, service: ServiceDependency) -> Response[Any]:
        """Say whether the engine serves: 200, or 503 when it does not."""
        stats = service.engine.stats()
        is_alive = service.engine.is_alive
        health = Health(
            status="ok" if is_alive else "unavailable",
            model=service.models.name,
            num_running=stats.num_running,
            num_waiting=stats.num_waiting,
            num_blocks=stats.num_blocks,
            num_free_blocks=stats.num_free_blocks,
        )
        return json_response(health, None if is_alive else {"retry-after": "1"}, status=200 if is_alive else 503)
