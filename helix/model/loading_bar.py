"""One progress bar for everything that loading does."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from tqdm import tqdm

T = TypeVar("T")


class LoadingBar:
    """Names the stage of loading that runs; shown on terminals only, and gone once loading is over.

    Stages count alike, however long they take: what is shown is what is done, not a guess of the time left.
    """

    def __init__(self, num_stages: int) -> None:
        self._bar = tqdm(total=num_stages, bar_format="{percentage:3.0f}%|{bar:24}| {desc}", leave=False, disable=None)
        self._num_begun = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def begin(self, stage: str) -> None:
        """Say what runs from now on; whatever was begun before is done."""
        self._bar.n = self._num_begun
        self._num_begun += 1
        self._bar.set_description_str(stage)

    def follow(self, items: Collection[T]) -> Iterator[T]:
        """Yield items and fill the stage by one share for each that is done."""
        for item in items:
            yield item
            self._bar.update(1 / len(items))

    def replace_tqdm(self, factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Follow what transformers would show a bar of its own for; a hook of transformers.utils.logging."""
        items = args[0] if args else kwargs.get("iterable")
        return factory(*args, **kwargs) if items is None else self.follow(items)
