"""What becomes of a step that failed: it is tried again, smaller, until it passes or one request is at fault."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence

import torch

from helix.errors import RequestFailedError
from helix.request import Request
from helix.scheduler import Scheduler, SchedulerOutput
from helix.step_budget import StepBudget
from helix.suspects import Suspects

logger = logging.getLogger(__name__)

_SIGNS_OF_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory", "bad_alloc", "bad allocation")


class Recovery:
    """Shapes the next step by what became of those before.

    A step that ran out of memory is tried again with half of its tokens; any other failure is a bug, and the step is
    tried again with half of its requests.
    """

    def __init__(self, max_num_tokens: int) -> None:
        self.budget = StepBudget(max_num_tokens)
        self.suspects = Suspects()

    def schedule(self, scheduler: Scheduler, rests: Callable[[Request], bool] = lambda _: False) -> SchedulerOutput:
        """Schedule a step in which only those take part who may, and nobody drafts who rests."""
        trial = self.suspects.trial
        step = scheduler.schedule(only=trial, max_num_tokens=self.budget.limit, rests=rests)
        if trial and not step.scheduled:  # they wait for somebody who is not among them
            self.suspects.clear()
            step = scheduler.schedule(max_num_tokens=self.budget.limit, rests=rests)
        return step

    def passed(self, batch: Sequence[Request]) -> None:
        """Note that a step of these requests went well."""
        self.budget.passed()
        self.suspects.passed(batch)

    def failed(
        self, scheduler: Scheduler, step: SchedulerOutput, error: Exception
    ) -> dict[Request, RequestFailedError]:
        """Undo a step and return who ends because of it; nobody, where a smaller step is worth trying.

        All of its requests are preempted, which undoes whatever it did: their tokens are all that counts.

        Raises:
            Exception: error itself, where one request after the other fails: then none of them is at fault.
        """
        batch = [item.request for item in step.scheduled]
        num_tokens = sum(item.num_tokens + item.max_draft_tokens for item in step.scheduled)
        for request in reversed(batch):
            scheduler.preempt(request)
        if is_out_of_memory(error):
            logger.warning("a step of %d tokens ran out of memory and is tried again with fewer", num_tokens)
            release_memory()
            if self.budget.shrink(num_tokens):
                return {}
            return {batch[0]: RequestFailedError("the server ran out of memory for this request")}
        logger.error("a step of %d requests failed", len(batch), exc_info=error)
        culprit = self.suspects.failed(batch)
        if self.suspects.is_systemic:
            self.suspects.acquit()
            raise error
        return {} if culprit is None else {culprit: failure_of(error)}


def failure_of(error: Exception) -> RequestFailedError:
    """Return what the caller of a request is told that a bug has ended."""
    failure = RequestFailedError(f"this request could not be computed: {type(error).__name__}")
    failure.__cause__ = error
    return failure


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception of PyTorch or Python says that memory was refused."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS_OF_OUT_OF_MEMORY)


def release_memory() -> None:
    """Give back what nobody uses. The prefix cache is no part of it: its blocks lie in the pool, which stays."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
