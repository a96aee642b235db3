"""The graph workloads without a GPU: what they say without their packages, and the parts that need none."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from folders import TESTS, WORKLOADS
from workload_parts import require_part

sys.path.insert(0, str(WORKLOADS))
options: Any = importlib.import_module("common.options")
program: Any = importlib.import_module("common.program")
explicit: Any = importlib.import_module("graph_explicit")
torch_graph: Any = importlib.import_module("torch_graph")
gains: Any = importlib.import_module("torch_gains")
torchgpu: Any = importlib.import_module("common.torchgpu")
llama: Any = importlib.import_module("common.llama")
WorkloadError: type[Exception] = importlib.import_module("common.errors").WorkloadError

NO_BINDINGS = (
    "cuda-bindings is not installed: `pip install nsysgap[gpu]` brings it for CUDA 12, "
    "`pip install nsysgap[gpu13]` for CUDA 13"
)
NO_TORCH = "PyTorch is not installed: `pip install nsysgap[torch]` brings it"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("graph_explicit", NO_BINDINGS),
        ("graph_update", NO_BINDINGS),
        ("graph_pitfalls", NO_TORCH),
        ("torch_graph", NO_TORCH),
        ("torch_gains", NO_TORCH),
        ("batching", "NumPy is not installed: `pip install numpy` brings it"),
    ],
)
def test_without_its_packages_one_sentence_names_the_extra(name: str, sentence: str, tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-E", str(WORKLOADS / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=600)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{name}: {sentence}\n")


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("graph_explicit", ["--kernels=3"], "two branches need --n of at least 2 and an even --kernels"),
        ("graph_update", ["--way=magic"], "unknown way 'magic': choose from plain, memcpy_params, "),
        ("graph_pitfalls", ["--pitfall=x"], "unknown pitfall 'x': choose from new_shape, "),
        ("torch_graph", ["--model=gpt"], "unknown model 'gpt': choose from llama, mlp, or all"),
        (
            "torch_graph",
            ["--hidden=1000"],
            "--hidden must be a multiple of 256, not 1000: heads of 128, two share keys",
        ),
        ("torch_gains", ["--model=gpt"], "unknown model 'gpt': choose from llama, resnet50, bert, train, or all"),
    ],
)
def test_wrong_word_is_one_sentence(name: str, arguments: list[str], sentence: str) -> None:
    command = [sys.executable, str(WORKLOADS / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env={**os.environ})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{name}: {sentence}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["graph_explicit", "graph_update", "torch_graph", "torch_gains", "batching"])
def test_wrong_size_is_wrong_usage(name: str) -> None:
    option = "--commands" if name == "batching" else "--tokens" if name == "torch_graph" else "--steps"
    command = [sys.executable, str(WORKLOADS / f"{name}.py"), f"{option}=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 2
    assert "'0' is not a whole number from 1 to 2147483647" in done.stderr


@pytest.mark.parametrize(("n", "halves"), [(2, ((0, 1), (1, 1))), (7, ((0, 3), (3, 4))), (8, ((0, 4), (4, 4)))])
def test_two_branches_cover_the_array(n: int, halves: tuple[tuple[int, int], ...]) -> None:
    step = explicit.Step.split(n, 20)
    assert (step.halves, step.kernels) == (halves, 10)


@pytest.mark.parametrize(
    ("tokens", "asked", "expected"),
    [(200, [64, 128, 256], [64, 128, 256]), (300, [64, 256], [64, 256, 300]), (10, [64], [64]), (5, [8, 8], [8])],
)
def test_buckets_reach_to_the_last_token(tokens: int, asked: list[int], expected: list[int]) -> None:
    class Options:
        pass

    given: Any = Options()
    given.tokens, given.buckets = tokens, asked
    assert torch_graph._buckets(given) == expected


def test_words_of_an_option() -> None:
    assert options.chosen("way", "all", ("a", "b")) == ("a", "b")
    assert options.chosen("way", "b,a,b", ("a", "b")) == ("b", "a")
    with pytest.raises(WorkloadError, match="unknown way ''"):
        options.chosen("way", "", ("a", "b"))


def test_summary_is_nearest_rank() -> None:
    times = [float(i) for i in range(1, 201)]
    assert torchgpu.summary(times) == {"mean_us": 100.5, "p50_us": 100.0, "p99_us": 198.0}
    assert torchgpu.summary([7.0]) == {"mean_us": 7.0, "p50_us": 7.0, "p99_us": 7.0}


def test_small_llama_grows_with_its_width() -> None:
    assert llama.small_shape(2048, 8) == llama.SMALL == llama.Shape(2048, 8, 16, 8, 5632, 32000)
    assert llama.small_shape(256, 1) == llama.Shape(256, 1, 2, 1, 704, 32000)


def test_memory_that_a_model_needs_grows_with_its_input() -> None:
    parser = argparse.ArgumentParser()
    gains.add_options(parser)
    usual, large = parser.parse_args([]), parser.parse_args(["--batch=4", "--train-batch=16"])
    needed = [[gains.needed_bytes(name, one) / 1e9 for name in gains.MODELS] for one in (usual, large)]
    assert needed == [[18, 1, 2, 9], [24, 1.6, 3.5, 15]]
    assert sum(one <= 12 for one in needed[0]) == 3  # all but the llama fit 12 GB


def test_llama_3_has_eight_billion_weights() -> None:
    assert llama.LLAMA_3_8B.parameters == 8_030_261_248
    assert llama.LLAMA_3_8B.head == 128


def test_only_errors_of_the_gpu_become_sentences() -> None:
    assert program.is_gpu_error(RuntimeError("CUDA error: invalid argument"))
    assert not program.is_gpu_error(RuntimeError("dictionary changed size"))
    assert program.is_out_of_memory(MemoryError())
    assert not program.is_out_of_memory(ValueError())


def test_decoding_is_reading_ahead_token_by_token(tmp_path: Path) -> None:
    command = [sys.executable, str(TESTS / "llama_decodes.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=require_part("torch"), check=False, timeout=600
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
