"""Cure: each batch copied before its step -> copied on a stream of its own while the step before runs.

Each step needs 16 MB from pinned memory (some 320 us) and works on it for about as long. Before: one after the other.
After: the next batch is copied while this one is worked on, with two buffers and events.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

ELEMENTS, BATCHES, KERNELS = 4 << 20, 4, 24


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    batches = [torch.randn(ELEMENTS).pin_memory() for _ in range(BATCHES)]
    buffers = [torch.empty(ELEMENTS, device="cuda") for _ in range(2)]
    total = torch.zeros((), device="cuda", dtype=torch.float64)
    main, side = torch.cuda.current_stream(), torch.cuda.Stream()
    copied, used = [[torch.cuda.Event() for _ in range(2)] for _ in range(2)]

    def work(buffer: Any) -> None:
        value = buffer
        for _ in range(KERNELS):
            value = torch.sin(value)
        total.add_(value.double().sum())

    def fetch(number: int) -> None:
        with torch.cuda.stream(side):
            side.wait_event(used[number % 2])
            buffers[number % 2].copy_(batches[number % BATCHES], non_blocking=True)
            copied[number % 2].record(side)

    def before(number: int) -> None:
        buffers[0].copy_(batches[number % BATCHES], non_blocking=True)
        work(buffers[0])
        main.synchronize()

    def after(number: int) -> None:
        if number == 0:
            fetch(0)
        if number + 1 < steps:
            fetch(number + 1)
        main.wait_event(copied[number % 2])
        work(buffers[number % 2])
        used[number % 2].record(main)
        main.synchronize()

    return Form(before if form == "before" else after, lambda: total.reshape(1))


CURE = Cure("overlapped", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
