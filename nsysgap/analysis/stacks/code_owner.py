"""Whose code a frame is, and a path short enough to read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os.path import commonpath

KINDS = ("program", "framework", "library", "native")
_FRAMEWORKS = frozenset(
    (
        *("torch", "torchvision", "torchaudio", "transformers", "accelerate", "diffusers", "vllm", "sglang", "triton"),
        *("jax", "jaxlib", "flax", "tensorflow", "keras", "cupy", "cupyx", "cupy_backends", "numba", "cuda", "nvidia"),
        *("tensorrt", "deepspeed", "lightning", "pytorch_lightning", "apex", "flash_attn", "xformers", "mxnet"),
        *("onnxruntime", "cudf", "cuml", "rmm", "warp"),
    )
)
_PACKAGES = re.compile(r"(?:^|/)(?:site|dist)-packages/(.+)\Z")
_STANDARD = re.compile(r"(?:^|/)lib(?:64)?/(python3(?:\.\d+)?t?/.+)\Z")
_CUDA = re.compile(
    r"(?:^|/)lib(?:cuda|cudart|cublas\w*|cudnn\w*|cufft|nccl|nvrtc|nvJitLink|torch\w*|c10\w*|cupti)\.?[-.\d]*so"
)
# What lies below all libraries: the driver, the C library, the kernel. Its stacks often hold bare addresses alone.
_BELOW = re.compile(
    r"(?:^|/)(?:lib(?:cuda|cupti|ToolsInjection\w*|nvidia-[\w-]+|c|pthread)[-.][-.\w]*so|libc-\d|ld-linux|ld-2)"
    r"|^\[(?:vdso|vsyscall|kernel|unknown|guest)"
    r"|(?:^|[\\/])(?:nvcuda\w*|ntdll|kernel32|kernelbase|win32u|ucrtbase)\.dll\Z|(?:ntoskrnl\.exe|\.sys|\.ko)\Z",
    re.IGNORECASE,
)
_SYSTEM = re.compile(
    r"/(?:usr/)?lib(?:32|64)?/|\.so(?:\.|\Z)|^\[|(?:^|/)python3?(?:\.\d+)?\Z|nsight-?systems", re.IGNORECASE
)


def kind_of(file: str, *, native: bool) -> str:
    """One of KINDS for a source file or, of native code, a module; "" (unknown) counts as native or program.

    program: the user's own files and executables. framework: PyTorch, JAX, CuPy and the like, and the CUDA libraries.
    library: other installed packages and Python's own. native: system libraries, the kernel, code without a module.
    """
    package = _PACKAGES.search(file)
    if package:
        return "framework" if package[1].split("/")[0].split(".")[0] in _FRAMEWORKS else "library"
    if native:
        if _CUDA.search(file):
            return "framework"
        return "native" if not file or _SYSTEM.search(file) else "program"
    return "library" if file.startswith("<frozen ") or _STANDARD.search(file) else "program"


BELOW, ABOVE, OWN = range(3)
"""How much a frame says of the program: code of driver, C library or kernel; any other; the program's own."""


def tells(file: str, *, native: bool) -> int:
    """BELOW, ABOVE or OWN for a frame's source file or module; "" (unknown) is BELOW."""
    if not file or (native and _BELOW.search(file)):
        return BELOW
    return OWN if kind_of(file, native=native) == "program" else ABOVE


def short_paths(files: Iterable[tuple[str, bool]]) -> dict[str, str]:
    """A short name for each (file, native): package files from the package on, native modules by their file name.

    The program's own Python files lose the folders that all of them share, never the file's name.
    """
    short, own = {}, []
    for file, native in sorted(set(files)):
        installed = _PACKAGES.search(file) or _STANDARD.search(file)
        if native:
            short[file] = file.rsplit("/", 1)[-1] or file
        elif installed:
            short[file] = installed[1]
        elif file.startswith("/"):
            own.append(file)
        else:
            short[file] = file
    shared = commonpath([file.rsplit("/", 1)[0] + "/" for file in own]) if own else ""
    return short | {file: file[len(shared) :].lstrip("/") for file in own}
