"""Decoding token by token gives what reading ahead gives, on the CPU: run by test_graph_workloads.py with PyTorch."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workloads"))
from common import llama

TOKENS = 9

shape = llama.Shape(hidden=64, layers=2, heads=4, key_heads=2, inner=96, vocabulary=50)
model = llama.make_llama(torch, shape, 2, 16, torch.float32, "cpu")
tokens = torch.randint(0, 50, (2, TOKENS))
with torch.no_grad():
    for i in range(TOKENS):
        decoded = model.decode(tokens[:, i : i + 1], torch.tensor([i]), 12)
    ahead = model.prefill(tokens)
print(tuple(decoded.shape) == tuple(ahead.shape) and torch.allclose(decoded, ahead, atol=1e-4))
