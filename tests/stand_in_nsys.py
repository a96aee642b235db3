"""A program in place of nsys, where the real one cannot be made to do a thing."""

from __future__ import annotations

from pathlib import Path


def stand_in(path: Path, does: str) -> Path:
    """A program for nsys, where the real one cannot be made to do a thing: a line of shell, $out is --output."""
    path.write_text(
        "#!/bin/sh\n"
        "[ \"$1\" = --version ] && echo 'NVIDIA Nsight Systems version 2025.3.2' && exit\n"
        'while [ $# -gt 0 ]; do [ "$1" = --output ] && out=$2; shift; done\n'
        f"{does}\n"
    )
    path.chmod(0o755)
    return path
