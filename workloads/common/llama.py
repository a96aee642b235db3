"""A Llama-like model with random weights: RMSNorm, rotary positions, grouped queries, SwiGLU.

The shapes are real, the numbers are not: nothing is downloaded. A decode step reads one token per
sequence at a position that is a tensor on the GPU, and keeps keys and values in static buffers, so
that the same launches serve every token: what a CUDA graph needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.errors import WorkloadError


@dataclass(frozen=True)
class Shape:
    """Sizes of a model; `head` is 128 in Llama 2 and 3."""

    hidden: int
    layers: int
    heads: int
    key_heads: int
    inner: int
    vocabulary: int

    @property
    def head(self) -> int:
        """Elements of one head."""
        return self.hidden // self.heads

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        attention = self.hidden * self.head * 2 * (self.heads + self.key_heads)
        layer = attention + 3 * self.hidden * self.inner + 2 * self.hidden
        return self.layers * layer + 2 * self.vocabulary * self.hidden + self.hidden


HEAD = 128


def small_shape(hidden: int, layers: int) -> Shape:
    """Return a Llama-like shape of a width: heads of 128, two of which share keys, 2.75 times as wide inside.

    Raises `WorkloadError` for a width that cannot be divided so.
    """
    if hidden % (2 * HEAD):
        raise WorkloadError(f"--hidden must be a multiple of {2 * HEAD}, not {hidden}: heads of {HEAD}, two share keys")
    heads = hidden // HEAD
    return Shape(hidden, layers, heads, heads // 2, hidden * 11 // 4, vocabulary=32000)


SMALL = small_shape(2048, 8)
LLAMA_3_8B = Shape(hidden=4096, layers=32, heads=32, key_heads=8, inner=14336, vocabulary=128256)


def make_llama(  # noqa: C901 - the classes of one model, made when torch is there
    torch: Any, shape: Shape, batch: int, length: int, dtype: Any, device: str = "cuda"
) -> Any:
    """Return the model for `batch` sequences of up to `length` tokens.

    `model.decode(tokens, position, bucket)` gives logits (batch, vocabulary) of one token per
    sequence, attending to the first `bucket` places; `model.prefill(tokens)` those of each last
    token of (batch, n) tokens, without touching the keys and values kept.
    """
    nn, functional = torch.nn, torch.nn.functional

    def rms(x: Any, weight: Any) -> Any:
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-5)
        return (x.float() * scale).to(x.dtype) * weight

    def rotate(x: Any, cos: Any, sin: Any) -> Any:
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)

    class Layer(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            keys = shape.key_heads * shape.head
            self.first_norm = nn.Parameter(torch.ones(shape.hidden))
            self.second_norm = nn.Parameter(torch.ones(shape.hidden))
            self.q = nn.Linear(shape.hidden, shape.hidden, bias=False)
            self.kv = nn.Linear(shape.hidden, 2 * keys, bias=False)
            self.o = nn.Linear(shape.hidden, shape.hidden, bias=False)
            self.gate_up = nn.Linear(shape.hidden, 2 * shape.inner, bias=False)
            self.down = nn.Linear(shape.inner, shape.hidden, bias=False)
            for name in ("keys", "values"):
                kept = torch.zeros(batch, shape.key_heads, length, shape.head)
                self.register_buffer(name, kept, persistent=False)

        def heads(self, x: Any, cos: Any, sin: Any) -> tuple[Any, Any, Any]:
            rows, count, _ = x.shape
            q = self.q(x).view(rows, count, shape.heads, shape.head).transpose(1, 2)
            kv = self.kv(x).view(rows, count, 2 * shape.key_heads, shape.head).transpose(1, 2)
            k, v = kv.split(shape.key_heads, 1)
            return rotate(q, cos, sin), rotate(k, cos, sin), v

        def rest(self, x: Any, attended: Any) -> Any:
            x = x + self.o(attended.transpose(1, 2).reshape(x.shape))
            gate, up = self.gate_up(rms(x, self.second_norm)).chunk(2, -1)
            return x + self.down(functional.silu(gate) * up)

        def decode(self, x: Any, cos: Any, sin: Any, position: Any, mask: Any, bucket: int) -> Any:
            q, k, v = self.heads(rms(x, self.first_norm), cos, sin)
            self.keys.index_copy_(2, position, k)
            self.values.index_copy_(2, position, v)
            # One query per sequence: written out, since fused attention gains nothing here. The
            # heads that share keys are the rows of one product.
            grouped = q.view(batch, shape.key_heads, -1, shape.head) * shape.head**-0.5
            scores = grouped @ self.keys[:, :, :bucket].transpose(2, 3)
            weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
            attended = (weights @ self.values[:, :, :bucket]).view(q.shape)
            return self.rest(x, attended)

        def prefill(self, x: Any, cos: Any, sin: Any) -> Any:
            q, k, v = self.heads(rms(x, self.first_norm), cos, sin)
            attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            return self.rest(x, attended)

    class Llama(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(shape.vocabulary, shape.hidden)
            self.layers = nn.ModuleList(Layer() for _ in range(shape.layers))
            self.norm = nn.Parameter(torch.ones(shape.hidden))
            self.out = nn.Linear(shape.hidden, shape.vocabulary, bias=False)
            exponent = torch.arange(0, shape.head, 2).float() / shape.head
            angles = torch.outer(torch.arange(length).float(), 1.0 / 500000.0**exponent)
            self.register_buffer("cos", angles.cos().to(dtype), persistent=False)
            self.register_buffer("sin", angles.sin().to(dtype), persistent=False)
            self.register_buffer("places", torch.arange(length).float(), persistent=False)

        def decode(self, tokens: Any, position: Any, bucket: int) -> Any:
            x = self.embed(tokens)
            cos, sin = self.cos[position], self.sin[position]
            mask = (self.places[:bucket] <= position).view(1, 1, 1, bucket)
            for layer in self.layers:
                x = layer.decode(x, cos, sin, position, mask, bucket)
            return self.out(rms(x, self.norm))[:, -1]

        def prefill(self, tokens: Any) -> Any:
            x = self.embed(tokens)
            cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
            for layer in self.layers:
                x = layer.prefill(x, cos, sin)
            return self.out(rms(x[:, -1:], self.norm))[:, -1]

        def forget(self) -> None:
            for layer in self.layers:
                layer.keys.zero_()
                layer.values.zero_()

    return fill(torch, build(torch, Llama, dtype, device), shape.hidden)


def build(torch: Any, make: Any, dtype: Any, device: str) -> Any:
    """Return a module made on the GPU in the wanted precision: no copy of it on the host."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return make().eval()
    finally:
        torch.set_default_dtype(before)


def fill(torch: Any, model: Any, hidden: int) -> Any:
    """Give the matrices of a model random values that keep activations near 1, from a fixed seed."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, hidden**-0.5)
    return model
