"""Cure: many small launches a step -> one CUDA graph.

Eight blocks of Linear, GELU and LayerNorm on 16 rows: some 25 kernels of a few us a step; the step's mean is read by
the host. Before: eager. After: the same kernels, captured once and replayed. The more of a step the GPU is idle, the
more the graph gains.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure
from common.torchgpu import Captured

WIDTH, ROWS, BLOCKS = 512, 16, 8


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    layers: list[Any] = []
    for _ in range(BLOCKS):
        layers += [torch.nn.Linear(WIDTH, WIDTH), torch.nn.GELU(), torch.nn.LayerNorm(WIDTH)]
    model = torch.nn.Sequential(*layers).cuda()
    given = torch.randn(ROWS, WIDTH, device="cuda")
    means = torch.zeros(steps)

    def forward() -> Any:
        return model(given).square().mean()

    run = forward if form == "before" else Captured(torch, forward).replay

    def step(number: int) -> None:
        means[number] = run().item()

    return Form(step, lambda: means)


CURE = Cure("graph", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
