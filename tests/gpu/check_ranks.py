"""What the reports of tests/gpu/ranks.sh must say: who was late, why, and when.

python tests/gpu/check_ranks.py FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

EXPECTED = {"host": (1, "host"), "gpu": (1, "gpu")}  # form -> straggler, cause
CLEARLY = 0.9
"""In so many collectives a straggler of this workload arrives last, at least."""
SHARED = ("rotating", "even")
"""Forms without a straggler. Of two ranks one always arrives last in at least half, so that a verdict may name it; what
it must not say is that it did so clearly."""
FIRST, LAST = 20, 25
"""The slow steps of the form "stretch" (workloads/pytorch/ranks.py)."""


def ranks(folder: Path, late: str) -> dict[str, Any]:
    """Return the document of the two reports of a form."""
    reports = [str(folder / f"{late}_rank{rank}.sqlite") for rank in (0, 1)]
    line = [sys.executable, "-m", "nsysgap", "ranks", *reports, "--format", "json"]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def main() -> int:
    """Compare; print a line per form; 1 if any differs."""
    folder = Path(sys.argv[1])
    failed = 0
    for late, expected in EXPECTED.items():
        verdict = ranks(folder, late)["verdict"]
        said = (verdict["rank"], verdict["cause"])
        right = verdict["kind"] == "straggler" and said == expected and verdict["share_last"] >= CLEARLY
        failed |= not right
        print(f"{'ok     ' if right else 'FAILED '} {late}: {said}, {verdict['share_last']:.2f}, expected {expected}")
    for late in SHARED:
        verdict = ranks(folder, late)["verdict"]
        right = verdict["kind"] in {"rotates", "even"} or verdict["share_last"] < CLEARLY
        failed |= not right
        print(f"{'ok     ' if right else 'FAILED '} {late}: {verdict['kind']}, {verdict['share_last']:.2f} last")
    slow = [one["iteration"] for one in ranks(folder, "stretch")["slow_iterations"]]
    wanted = list(range(FIRST, LAST + 1))
    missed, extra = sorted(set(wanted) - set(slow)), sorted(set(slow) - set(wanted))
    failed |= bool(missed)
    print(f"{'ok     ' if not missed else 'FAILED '} stretch: slow {slow}; missed {missed}; further {extra}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
