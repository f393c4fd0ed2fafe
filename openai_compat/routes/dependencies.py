"""What the application provides to its handlers."""

from __future__ import annotations

from typing import Annotated

from litestar.params import Dependency

from openai_compat.service import Service

ServiceDependency = Annotated[Service, Dependency(skip_validation=True)]
