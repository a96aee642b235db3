"""What the reports of tests/gpu/run.sh must say: python tests/gpu/check.py FOLDER. Exit code 1 if one does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

WORKLOADS = ("naive", "graph", "fused", "mega", "cdp")
Document = dict[str, Any]


def main(folder: Path) -> int:
    """Run every check; print a line for each."""
    failed = 0
    for name, good, said in checks(folder):
        print(f"{'ok     ' if good else 'FAILED '} {name}: {said}")
        failed += not good
    return 1 if failed else 0


def checks(folder: Path) -> list[tuple[str, bool, str]]:
    """(name, passed, what was seen)."""
    rounds, samples = sorted(folder.glob("round*/*.json")), sorted((folder / "samples").glob("*.json"))
    found = [counts(path) for path in rounds + samples] + [perturbation(path) for path in rounds]
    plain = {name: median(wall(folder, name, "baseline")) for name in WORKLOADS}
    order = sorted(WORKLOADS, key=lambda name: plain[name])
    said = ", ".join(f"{name} {plain[name]:.2f}" for name in order)
    found.append(("plain us per kernel, slowest last", order[-1] == "naive" and order[-2] == "cdp", said))
    for path, part, low, high in (
        (folder / "naive_gpu_metrics.sqlite", "idle", 0, 10),
        (folder / "naive_gpu_metrics.sqlite", "busy", 80, 100),
        (folder / "cdp_gpu_metrics.sqlite", "untraced", 70, 100),
        (folder / "samples/cdp_gpu_metrics.sqlite", "untraced", 70, 100),
    ):
        mean = gaps(path)["devices"][0]["sm_active_percent"][part]
        good = mean is not None and low <= mean <= high
        found.append((f"{path.name}: SMs active over {part} time", good, f"{mean} %"))
    return found


def gaps(path: Path) -> Document:
    """`nsysgap gaps --format json` of a report."""
    done = subprocess.run([sys.executable, "-m", "nsysgap", "gaps", path, "--format", "json"], stdout=-1, check=True)
    document: Document = json.loads(done.stdout)
    return document


def counts(path: Path) -> tuple[str, bool, str]:
    """Did the report's measured part hold the kernels that the workload made?"""
    summary = json.loads(path.read_text())
    figures, record = summary["figures"], summary["profiled"]["record"]
    rows, made = figures["kernel_rows"], record["traced_kernels"]
    return f"{path.parent.name}/{path.stem}: kernel rows", rows == made, f"{rows} of {made}"


def perturbation(path: Path) -> tuple[str, bool, str]:
    """Was the plain run compared with the one under nsys?"""
    found = json.loads(path.read_text())["perturbation"]
    good = found is not None and found["of"] == "the measured part" and 0.8 < found["ratio"] < 2
    return f"{path.parent.name}/{path.stem}: under nsys against plain", good, f"{found and found['ratio']}"


def wall(folder: Path, name: str, which: str) -> list[float]:
    """The wall time per kernel of a workload in each round, us."""
    paths = sorted(folder.glob(f"round*/{name}.json"))
    return [json.loads(path.read_text())[which]["record"]["wall_us_per_kernel"] for path in paths]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
