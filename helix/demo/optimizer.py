"""Muon for the hidden matrices, Adam for the embeddings and norms, in float32 on one CPU core."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

POLAR_EXPRESS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
)
"""Quintic polynomials whose composition sends singular values in (0, 1] near 1; four steps suffice for Muon.

Source: Amsel et al., arXiv 2505.16932.
"""


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return U V^T for matrix = U S V^T, approximately.

    The polynomials act on the smaller Gram matrix and are multiplied with the matrix once, which costs two thirds of
    the usual iteration on the matrix itself.
    """
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = torch.div(x, torch.linalg.matrix_norm(x) * 1.01 + 1e-7)
    gram = x @ x.T
    total: Tensor = gram
    for i, (a, b, c) in enumerate(POLAR_EXPRESS):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        total = factor @ total if i else factor
        if i + 1 < len(POLAR_EXPRESS):
            gram = factor @ gram @ factor
    x = total @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal; one step changes a matrix by about lr in every direction.

    Source: Keller Jordan, "Muon: an optimizer for hidden layers in neural networks".
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        """Take 2-D parameters only."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Update every parameter from its gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalise(parameter.grad.lerp(momentum, group["momentum"]))
                rows, columns = parameter.shape
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)
