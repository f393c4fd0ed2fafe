"""The names under which the engine's one model answers."""

from __future__ import annotations

import hashlib
import time
from pathlib import PurePath

import msgspec

from helix import EngineInfo
from openai_compat.errors import ModelNotFound
from openai_compat.schemas.models import Model


class ServedModels:
    """Knows which names mean the engine's model, and what is the same in all its answers."""

    def __init__(self, info: EngineInfo, aliases: tuple[str, ...] = ()) -> None:
        self._max_model_len = info.max_model_len
        self._created = int(time.time())
        own = info.model
        self.listed = list(dict.fromkeys((*aliases, own)))
        """Names that GET /v1/models shows."""
        self.name = self.listed[0]
        """The name answers carry."""
        self._accepted = {*self.listed, PurePath(own).name, own.strip("/")}
        self.system_fingerprint = _fingerprint(info)

    def check(self, name: str) -> None:
        """Raise ModelNotFound unless name means the model."""
        if name not in self._accepted:
            raise ModelNotFound(name, self.listed)

    def models(self) -> list[Model]:
        """Return one resource per listed name."""
        return [self.model(name) for name in self.listed]

    def model(self, name: str) -> Model:
        """Return the resource of a name; raises ModelNotFound."""
        self.check(name)
        return Model(id=name, created=self._created, max_model_len=self._max_model_len)


def _fingerprint(info: EngineInfo) -> str:
    """Return a name for everything that can change an answer of the same request; how much there is of it cannot."""
    facts = {
        name: value
        for name, value in msgspec.to_builtins(info).items()
        if name not in ("max_num_requests", "num_blocks", "kv_cache_bytes", "self_test_difference")
    }
    return "fp_" + hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:12]
