"""Cure: the host prepares a batch between two steps -> a thread prepares the next one meanwhile.

Preparing takes the host some 800 us in the range "prepare" (NumPy, which lets other threads run), the GPU's work about
as long. Before: one after the other. After: a thread is one batch ahead.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure
from common.torchgpu import phase

ELEMENTS, SIDE, PRODUCTS = 1 << 17, 3072, 8


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    import numpy as np

    torch.manual_seed(0)
    weight = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) / SIDE**0.5
    pinned = [torch.empty(ELEMENTS).pin_memory() for _ in range(2)]
    total = torch.zeros((), device="cuda", dtype=torch.float64)
    pool = ThreadPoolExecutor(1)
    ahead: dict[int, Future[None]] = {}

    def prepare(number: int) -> None:
        with phase(torch, "prepare"):
            values = np.random.default_rng(number).standard_normal(ELEMENTS, np.float32)
            pinned[number % 2].copy_(torch.from_numpy(np.tanh(values)))

    def work(number: int) -> None:
        given = pinned[number % 2].to("cuda", non_blocking=True)
        value = weight
        for _ in range(PRODUCTS):
            value = value @ weight
        total.add_(given.double().sum()).add_(value.float().abs().mean())
        torch.cuda.current_stream().synchronize()

    def before(number: int) -> None:
        prepare(number)
        work(number)

    def after(number: int) -> None:
        ready = ahead.pop(number, None) or pool.submit(prepare, number)
        ready.result()
        if number + 1 < steps:
            ahead[number + 1] = pool.submit(prepare, number + 1)
        work(number)

    return Form(before if form == "before" else after, lambda: total.reshape(1))


CURE = Cure("elsewhere", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
