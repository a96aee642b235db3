"""ResNet-50, BERT-large and a small GPT, as their papers shape them, with random weights."""

from __future__ import annotations

from typing import Any

RESNET_BLOCKS = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
"""Blocks, width and stride of ResNet-50's four stages."""
BERT_LAYERS, BERT_HIDDEN, BERT_HEADS, BERT_WORDS = 24, 1024, 16, 30522


def make_resnet50(torch: Any) -> Any:
    """Return ResNet-50 (25.6 M weights) for (batch, 3, 224, 224)."""
    nn = torch.nn

    class Bottleneck(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *(nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()),
                nn.Conv2d(width, width, 3, stride, 1, bias=False),
                *(nn.BatchNorm2d(width), nn.ReLU()),
                *(nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)),
            )
            self.shortcut: Any = None
            if stride != 1 or before != 4 * width:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(before, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
                )

        def forward(self, x: Any) -> Any:
            short = x if self.shortcut is None else self.shortcut(x)
            return torch.relu(self.body(x) + short)

    layers: list[Any] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    before = 64
    for blocks, width, stride in RESNET_BLOCKS:
        for block in range(blocks):
            layers.append(Bottleneck(before, width, stride if block == 0 else 1))
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def make_encoder(torch: Any, layers: int, hidden: int, heads: int, causal: bool) -> Any:
    """Return a stack of transformer layers (BERT's, or GPT's with `causal`): (batch, n, hidden)."""
    nn, functional = torch.nn, torch.nn.functional

    class Layer(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
            self.qkv, self.o = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
            self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)

        def attend(self, x: Any) -> Any:
            rows, count, _ = x.shape
            qkv = self.qkv(x).view(rows, count, 3, heads, hidden // heads).permute(2, 0, 3, 1, 4)
            found = functional.scaled_dot_product_attention(*qkv.unbind(0), is_causal=causal)
            return self.o(found.transpose(1, 2).reshape(x.shape))

        def forward(self, x: Any) -> Any:
            if causal:
                x = x + self.attend(self.first(x))
                return x + self.down(functional.gelu(self.up(self.second(x))))
            x = self.first(x + self.attend(x))
            return self.second(x + self.down(functional.gelu(self.up(x))))

    return nn.Sequential(*(Layer() for _ in range(layers)))


def make_bert_large(torch: Any) -> Any:
    """Return BERT-large (24 layers of 1024, 335 M weights) for (batch, n) tokens."""
    return torch.nn.Sequential(
        torch.nn.Embedding(BERT_WORDS, BERT_HIDDEN),
        torch.nn.LayerNorm(BERT_HIDDEN),
        make_encoder(torch, BERT_LAYERS, BERT_HIDDEN, BERT_HEADS, causal=False),
    )


def make_gpt(torch: Any, layers: int, hidden: int, words: int) -> Any:
    """Return a GPT-like language model for (batch, n) tokens: logits (batch, n, words)."""
    nn = torch.nn
    return nn.Sequential(
        nn.Embedding(words, hidden),
        make_encoder(torch, layers, hidden, hidden // 64, causal=True),
        nn.LayerNorm(hidden),
        nn.Linear(hidden, words, bias=False),
    )
