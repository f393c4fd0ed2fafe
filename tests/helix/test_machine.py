"""What is said about this machine is so."""

from __future__ import annotations

import platform

import torch

from helix.kernels.build import VARIANTS
from helix.machine import describe_machine


def test_it_says_what_is_here() -> None:
    machine = describe_machine()
    assert machine.python == platform.python_version()
    assert machine.packages["torch"] == torch.__version__
    assert machine.num_cores >= 1 and machine.num_threads == torch.get_num_threads()
    assert machine.devices[-1] == "cpu"
    assert machine.cpu
    assert machine.has_kernels == (machine.kernels in {variant.name for variant in VARIANTS})
