"""What the workloads said of themselves in a folder of captures, as sample_traces keeps it.

python tests/gpu/records.py FOLDER > records.json

FOLDER/commands.txt has a line per capture: the summary's name, a tab, the command.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def record(folder: Path, name: str, command: str) -> dict[str, Any]:
    """One capture: its command, nsys's options and version, what the workload printed plain and under nsys."""
    summary = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    line = summary["nsys_command"]
    return {
        "command": command.replace(f"{folder}/", ""),
        "nsys_flags": [word for word in line[2 : line.index("--output")] if word.startswith("-")],
        "nsys_version": summary["nsys_version"],
        "plain": (summary["baseline"] or {}).get("record"),
        "under_nsys": summary["profiled"]["record"],
        "perturbation": summary["perturbation"],
    }


if __name__ == "__main__":
    captures = Path(sys.argv[1]).resolve()
    lines = (captures / "commands.txt").read_text(encoding="utf-8").splitlines()
    named = [line.split("\t") for line in lines]
    print(json.dumps({name.removesuffix(".stacks"): record(captures, name, told) for name, told in named}, indent=1))
