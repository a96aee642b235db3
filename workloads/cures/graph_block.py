"""Cure: a transformer block launched kernel by kernel -> replayed as one CUDA graph.

One block (attention over 64 positions, 8 heads, width 512; MLP) in half precision at batch 1, three times in a row; the
result's mean is read by the host each step. Before: eager. After: the same kernels, captured once and replayed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure
from common.torchgpu import Captured

WIDTH, HEADS, POSITIONS, BLOCKS = 512, 8, 64, 3


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    functional = torch.nn.functional
    scale = WIDTH**-0.5
    weights = {
        name: scale * torch.randn(rows, columns, device="cuda", dtype=torch.float16)
        for name, rows, columns in (("qkv", 3 * WIDTH, WIDTH), ("out", WIDTH, WIDTH), ("up", 4 * WIDTH, WIDTH),
                                    ("down", WIDTH, 4 * WIDTH))
    }  # fmt: skip
    given = torch.randn(1, POSITIONS, WIDTH, device="cuda", dtype=torch.float16)
    means = torch.zeros(steps)

    def block(value: Any) -> Any:
        parts = functional.linear(functional.layer_norm(value, (WIDTH,)), weights["qkv"]).chunk(3, -1)
        query, key, held = (one.view(1, POSITIONS, HEADS, -1).transpose(1, 2) for one in parts)
        mixed = functional.scaled_dot_product_attention(query, key, held).transpose(1, 2).reshape(1, POSITIONS, WIDTH)
        value = value + functional.linear(mixed, weights["out"])
        hidden = functional.gelu(functional.linear(functional.layer_norm(value, (WIDTH,)), weights["up"]))
        return value + functional.linear(hidden, weights["down"]) * 0.5

    def forward() -> Any:
        value = given
        for _ in range(BLOCKS):
            value = block(value)
        return value.float().square().mean()

    run = forward if form == "before" else Captured(torch, forward).replay

    def step(number: int) -> None:
        means[number] = run().item()

    return Form(step, lambda: means)


CURE = Cure("graph_block", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
