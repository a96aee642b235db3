"""Decode loop: greedy decoding with a repetition penalty, the example of docs/stacks.md.

A Llama-like model with random weights (8 layers, bf16) generates one token after the other through
Hugging Face Transformers. What differs between the runs is the program's own work per token:

- `--penalty loop`: the repetition penalty goes through the tokens generated so far one by one, and
  looks at each logit from the host;
- `--penalty vector`: the same penalty as three operations on the GPU;
- `--attention any`: PyTorch chooses the attention kernel, which may be cuDNN's;
- `--attention flash`: without cuDNN's, whose plan is made anew for each length of the sequence.

The JSON line holds a checksum of the generated tokens. Needs PyTorch and Transformers.

A report of it must show, in the NVTX range "generate":
- one range "token N" per token;
- with Python sampling and `--penalty loop`: idle time on the lines of `penalize_loop`, in this file;
  with `--penalty vector` next to none;
- with `--attention any`, where PyTorch takes cuDNN's attention: most of the idle time on one line,
  the call of scaled_dot_product_attention; with `--attention flash` about as much as other lines.
"""

from __future__ import annotations

import argparse
import json
import sys
from time import perf_counter
from typing import Any

PENALTY = 1.3


def make_model() -> Any:
    """Return the model on the GPU, the same weights in every run."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32000,
        hidden_size=2048,
        intermediate_size=5504,
        num_hidden_layers=8,
        num_attention_heads=16,
        num_key_value_heads=8,
        max_position_embeddings=2048,
    )
    with torch.device("cuda"):
        return LlamaForCausalLM(config).to(torch.bfloat16).eval()


def penalize_loop(logits: Any, tokens: list[Any]) -> None:
    """Make each token generated so far less likely, one after the other."""
    for token in {int(one) for one in tokens}:
        if logits[0, token] > 0:
            logits[0, token] /= PENALTY
        else:
            logits[0, token] *= PENALTY


def penalize_vector(logits: Any, tokens: list[Any]) -> None:
    """Do the same for all tokens at once, without the host knowing them."""
    import torch

    index = torch.cat(tokens).view(1, -1)
    score = logits.gather(1, index)
    logits.scatter_(1, index, torch.where(score > 0, score / PENALTY, score * PENALTY))


def generate(model: Any, penalize: Any, tokens: int) -> list[int]:
    """Return the tokens generated after token 1."""
    import torch
    from torch.cuda import nvtx

    token = torch.ones((1, 1), dtype=torch.long, device="cuda")
    cache, generated = None, [token.view(1)]
    for number in range(tokens):
        nvtx.range_push(f"token {number}")
        result = model(input_ids=token, past_key_values=cache, use_cache=True)
        cache, logits = result.past_key_values, result.logits[:, -1].float()
        penalize(logits, generated)
        token = logits.argmax(-1, keepdim=True)
        generated.append(token.view(1))
        nvtx.range_pop()
    return [int(one) for one in torch.cat(generated).tolist()[1:]]


def main() -> int:
    """Generate once to warm up, then measure; print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--penalty", choices=["loop", "vector"], default="loop")
    parser.add_argument("--attention", choices=["any", "flash"], default="any")
    options = parser.parse_args()
    try:
        import torch
        from torch.cuda import nvtx
    except ImportError as error:
        print(f"decode_loop: {error}: pip install torch transformers", file=sys.stderr)
        return 1
    model = make_model()
    torch.backends.cuda.enable_cudnn_sdp(options.attention == "any")
    penalize = penalize_loop if options.penalty == "loop" else penalize_vector
    with torch.inference_mode():
        generate(model, penalize, 16)
        torch.cuda.synchronize()
        nvtx.range_push("generate")
        start = perf_counter()
        tokens = generate(model, penalize, options.tokens)
        torch.cuda.synchronize()
        wall_s = perf_counter() - start
        nvtx.range_pop()
    record = {
        "penalty": options.penalty,
        "attention": options.attention,
        "tokens": len(tokens),
        "ms_per_token": round(1000 * wall_s / len(tokens), 3),
        "checksum": sum((i + 1) * one for i, one in enumerate(tokens)) % 1_000_003,
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
    }
    print(json.dumps(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
