"""Predicted against measured: every cure of tests/gpu/cures.sh, as docs/predictions.md.

    python tests/gpu/predictions.py                      from sample_traces/cures: writes docs/predictions.md
    python tests/gpu/predictions.py FOLDER NAME          first takes what cures.sh wrote into FOLDER as machine NAME

sample_traces/cures/NAME holds each cure's report before, and measured.json: us a step of both forms, five rounds in
turn, plain and under nsys. The change that is predicted is the cure; how much faster a kernel is comes from its two
reports, since no report of the form before can tell it.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsysgap.analysis.schedule.changes import Asked
from nsysgap.answers.opening import OpenReport, opened
from nsysgap.answers.whatif import WhatifOptions, whatif
from nsysgap.errors import NsysgapError
from nsysgap.tables import KERNEL

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_traces" / "cures"
PAGE = ROOT / "docs" / "predictions.md"
GEMM = "gemm|nvjet|xmma"
CURES: dict[str, Asked | None] = {
    "graph": Asked("graph"),
    "fewer_syncs": Asked("fewer-syncs", factor=8),
    "pinned": Asked("pinned"),
    "overlapped": Asked("overlapped"),
    "elsewhere": Asked("elsewhere", "prepare"),
    "batched": Asked("batched", GEMM, 48),
    "fused": Asked("fused", "elementwise"),
    "allocation": None,
    "faster_kernel": Asked("faster", GEMM),
    "graph_block": Asked("graph"),
    "train_reads": Asked("fewer-syncs", factor=10),
    "pinned_loader": Asked("pinned"),
    "faster_range": Asked("faster", "tokenize", 2),
}
NOT_MODELLED = "memory allocation changes are not modelled"


def middle(values: list[float]) -> float:
    """Return the lower median."""
    return sorted(values)[(len(values) - 1) // 2]


def take(folder: Path, name: str) -> None:
    """Copy what cures.sh wrote into the samples of a machine."""
    target = SAMPLES / name
    target.mkdir(parents=True, exist_ok=True)
    measured: dict[str, Any] = {"machine": (folder / "machine.txt").read_text().split("\n")[0]}
    for run in ("plain", "profiled"):
        rows = [json.loads(line) for line in (folder / f"{run}.jsonl").read_text().splitlines()]
        for row in rows:
            cure = row["workload"].removeprefix("cures/")
            measured.setdefault(cure, {}).setdefault(f"{run}_{row['form']}_us", []).append(row["step_us"])
    (target / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    for cure in measured.keys() & CURES.keys():
        shutil.copy(folder / "scrubbed" / f"{cure}_before.sqlite.xz", target)
    if "faster_kernel" in measured:
        shutil.copy(folder / "scrubbed" / "faster_kernel_after.sqlite.xz", target)


def kernel_speedup(machine: Path) -> float:
    """Return how much faster the kernel with most time became, by the means of faster_kernel's two reports."""
    means = []
    for form in ("before", "after"):
        with opened(machine / f"faster_kernel_{form}.sqlite.xz") as report:
            ops = report.trace.ops
            kernels = ops["kind"] == KERNEL
            duration = (ops["end"] - ops["start"])[kernels]
            name = ops["name"][kernels]
            longest = max(set(name.tolist()), key=lambda one: int(duration[name == one].sum()))
            means.append(float(duration[name == longest].mean()))
    return round(means[0] / means[1], 3)


@dataclass(frozen=True)
class Row:
    """A prediction and what was measured, us a step; `kind` "figure", "gain" or "range", "" where it was refused."""

    machine: str
    cure: str
    where: str
    before: float
    central: float | None
    best: float | None
    worst: float | None
    kind: str
    measured: float
    low: float
    high: float
    gain: float | None = None

    @property
    def inside(self) -> bool | None:
        """Whether the measured median lies in the predicted range."""
        return None if self.best is None or self.worst is None else self.best <= self.measured <= self.worst

    @property
    def error(self) -> float | None:
        """The central figure's error in %; of a gain, which holds at equal host speed, that of the measured form before
        less the gain."""
        said = self.central
        if self.kind == "gain" and self.gain is not None:
            said = self.before * (1 - self.gain / 100)
        return None if said is None else 100 * (said / self.measured - 1)


def rows_of(machine: Path) -> list[Row]:
    """Return the rows of a machine: each cure under nsys and plain."""
    measured = json.loads((machine / "measured.json").read_text())
    rows = []
    for cure, asked in CURES.items():
        if cure not in measured:
            continue
        times = measured[cure]
        change = asked
        if cure == "faster_kernel" and asked is not None:
            change = Asked(asked.name, asked.target, kernel_speedup(machine))
        plain = f"{middle(times['plain_before_us'])}us"
        said = {} if change is None else predicted(machine / f"{cure}_before.sqlite.xz", change, plain)
        for where, run in (("under_nsys", "profiled"), ("plain", "plain")):
            before, after = times[f"{run}_before_us"], times[f"{run}_after_us"]
            found = said.get(where)
            if found is None:
                found = {"central_ns": None, "best_ns": None, "worst_ns": None, "kind": "", "gain_percent": None}
            central, best, worst = (None if (ns := found[key]) is None else ns / 1e3 for key in _KEYS)
            row = (machine.name, cure, where, middle(before), central, best, worst, found["kind"])
            rows.append(Row(*row, middle(after), min(after), max(after), found["gain_percent"]))
    return rows


_KEYS = ("central_ns", "best_ns", "worst_ns")


def predicted(path: Path, change: Asked, plain: str) -> dict[str, dict[str, Any] | None]:
    """Return the predictions of the contract "nsysgap.whatif/1", under nsys and plain; None where one is refused."""
    with opened(path) as report:
        return {
            where: _predicted(report, WhatifOptions((change,), plain=said, calibration="usual"), where)
            for where, said in (("under_nsys", None), ("plain", plain))
        }


def _predicted(report: OpenReport, options: WhatifOptions, where: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = whatif(report, options).changes[0][where]
    except NsysgapError:
        return None
    return found


def us(value: float | None) -> str:
    """Return a time for the table."""
    return "-" if value is None else f"{value:,.0f}"


def table(rows: list[Row]) -> list[str]:
    """Return rows as Markdown."""
    lines = [
        "| cure | | before | predicted | range | measured (five rounds) | error | inside |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        where = "nsys" if row.where == "under_nsys" else "plain"
        span = "refused" if row.best is None else f"{us(row.best)} to {us(row.worst)}"
        error = "" if row.error is None else f"{row.error:+.0f} %"
        inside = {True: "yes", False: "**no**", None: ""}[row.inside]
        kind = f"{row.kind}, {row.gain:.0f} %" if row.kind == "gain" else row.kind
        central = f"{us(row.central)} ({kind})" if row.central is not None else row.kind
        measured = f"{us(row.measured)} ({us(row.low)} to {us(row.high)})"
        lines.append(
            f"| {row.cure} | {where} | {us(row.before)} | {central} | {span} | {measured} | {error} | {inside} |"
        )
    return lines


def summary(rows: list[Row]) -> str:
    """Return the rows in one sentence."""
    said = [row for row in rows if row.inside is not None]
    inside = sum(bool(row.inside) for row in said)
    figures = sorted(abs(row.error) for row in rows if row.error is not None and row.kind == "figure")
    gains = sorted(abs(row.error) for row in rows if row.error is not None and row.kind == "gain")
    text = f"Measured inside the predicted range: {inside} of {len(said)}."
    for name, errors in (("figures", figures), ("gains at equal host speed", gains)):
        if errors:
            text += f" Error of {name}: median {middle(errors):.0f} %, largest {errors[-1]:.0f} % ({len(errors)})."
    return text


def page() -> str:
    """Return docs/predictions.md."""
    text = (PAGE.read_text() if PAGE.exists() else "").split("<!-- generated -->")[0]
    lines = [text.rstrip("\n"), "", "<!-- generated -->"]
    everything: list[Row] = []
    for machine in sorted(path for path in SAMPLES.iterdir() if path.is_dir()):
        rows = rows_of(machine)
        everything += rows
        name = json.loads((machine / "measured.json").read_text())["machine"]
        lines += ["", f"## {name} ({machine.name})", "", *table(rows), "", summary(rows)]
    lines += ["", "## All of them", "", summary(everything), ""]
    return "\n".join(lines)


def main() -> int:
    """Take new measurements if any are named, then write the page."""
    if len(sys.argv) == 3:
        take(Path(sys.argv[1]), sys.argv[2])
    PAGE.write_text(page())
    print(PAGE.read_text().split("## All of them")[1].strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
