"""Cure: the loss read after every step -> read every eighth, in a loop whose GPU has much to do.

Each step is eight products of some 100 us. Before: the host reads the sum after each step, and the GPU is idle until it
has launched the next. After: it reads the sums of eight steps together. The gain is what the waits cost, no more.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

SIDE, PRODUCTS, EVERY = 3072, 8, 8


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    weight = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) / SIDE**0.5
    state = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16)
    sums: list[float] = []
    kept: list[Any] = []
    every = 1 if form == "before" else EVERY

    def step(_: int) -> None:
        value = state
        for _ in range(PRODUCTS):
            value = value @ weight
        kept.append(value.float().abs().mean())
        if len(kept) == every:
            sums.extend(torch.stack(kept).tolist())
            kept.clear()

    def finish() -> Any:
        if kept:
            sums.extend(torch.stack(kept).tolist())
        return torch.tensor(sums[:steps])

    return Form(step, finish)


CURE = Cure("fewer_syncs", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
