"""Measures commands on synthetic reports against the floor: the sqlite3 command reading the same columns.

    python tests/bench/measure.py gaps --size 300k
    python tests/bench/measure.py --report FILE --command 'count=sqlite3 {report} "SELECT count(*) FROM StringIds"'
    python tests/bench/measure.py --importtime

Runs are interleaved (floor, command, floor, ...) on a warm page cache. Wall time is from process start
to exit. Peak memory is what the kernel reports for the child (ru_maxrss of wait4): the largest single
process of it. A child inherits this script's own peak, so nothing below about 15 MB can be told apart;
for that reason numpy is not imported here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

FLOOR_SQL = "; ".join(
    f"SELECT sum(start + end + correlationId) FROM CUPTI_ACTIVITY_KIND_{table}" for table in ("KERNEL", "RUNTIME")
)
FLOOR = (
    "sqlite3",
    "-readonly",
    "{report}",
    FLOOR_SQL,
)
SIZES: dict[str, dict[str, int]] = {
    "300k": {"kernels": 300_000, "api": 600_000},
    "3m": {"kernels": 3_000_000, "api": 6_000_000},
}
ONE_THREAD = {"processes": 1, "devices": 1, "threads": 1, "streams": 1, "graph_launches": 0}
GAP_SIZES: dict[str, dict[str, int]] = {
    "300k-gaps": {"kernels": 300_000, "api": 630_000, "naive": 1, **ONE_THREAD},
    "3m-gaps": {"kernels": 3_000_000, "api": 6_300_000, "naive": 1, **ONE_THREAD},
}
ADVICE_SIZES = {"20k": {"kernels": 20_000, "api": 42_000, "naive": 1, **ONE_THREAD}}
IMPORT_LIMIT_S = 0.3
PLAIN = "without the list"
PLAIN_CHROME = str(Path(__file__).resolve().with_name("plain_chrome.py"))


class MeasureError(Exception):
    """A measurement that cannot be made; the text says why."""


@dataclass(frozen=True)
class Limit:
    """What a suite's own command must stay below; None: no limit. `cpu_ratio` is to the peer PLAIN."""

    cpu_ratio: float | None = None
    wall_s: float | None = None
    ratio: float | None = None
    peak_mb: float | None = None


@dataclass(frozen=True)
class Suite:
    """One thing to measure. ``{python}``, ``{report}`` and ``{out}`` (a folder) are filled in.

    ``sizes`` maps a size's name, also the name of the cached report, to the generator's options.
    ``peers`` are other tools' commands for the same work; one that is not installed is left out.
    """

    command: tuple[str, ...]
    help: str
    sizes: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: SIZES)
    peers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)


def _listed(form: str, cpu_ratio: float) -> Suite:
    """All gaps in a format, beside the same analysis without the list: text with all its tables."""
    gaps = ("{python}", "-m", "nsysgap", "gaps", "{report}")
    return Suite(
        command=(*gaps, "--top", "all", "-o", f"{{out}}/gaps.{form}", "--force"),
        help=f"nsysgap gaps --top all as {form}",
        sizes={**SIZES, **GAP_SIZES},
        peers={PLAIN: (*gaps, "--detail", "--whole")},
        limits={
            "300k-gaps": Limit(cpu_ratio=cpu_ratio, peak_mb=400),
            "3m-gaps": Limit(cpu_ratio=cpu_ratio, peak_mb=1200),
        },
    )


SUITES: dict[str, Suite] = {
    "gaps-json": _listed("json", 5),
    "gaps-csv": _listed("csv", 3),
    "gaps-parquet": _listed("parquet", 3),
    "gaps": Suite(
        command=("{python}", "-m", "nsysgap", "gaps", "{report}"),
        help="nsysgap gaps, text output",
        sizes={**SIZES, **GAP_SIZES},
        peers={
            "nsys gpu_gaps": (
                "nsys",
                "analyze",
                "--rule",
                "gpu_gaps",
                "--sqlite",
                "{report}",
                "{report}",
            )
        },
        limits={
            "300k": Limit(wall_s=1.5, peak_mb=250),
            "3m": Limit(ratio=8, peak_mb=900),
            "3m-gaps": Limit(ratio=6, peak_mb=900),
        },
    ),
    "steps": Suite(
        command=("{python}", "-m", "nsysgap", "steps", "{report}"),
        help="nsysgap steps, text output: loops from NVTX ranges, their GPU windows cut by cause",
        limits={"3m": Limit(peak_mb=950)},
    ),
    "compare": Suite(
        command=("{python}", "-m", "nsysgap", "compare", "{report}", "{report}"),
        help="nsysgap compare, text output: the same report on both sides, read one after the other",
        limits={"300k": Limit(wall_s=3.5, peak_mb=400), "3m": Limit(wall_s=25, peak_mb=1200)},
    ),
    "whatif": Suite(
        command=("{python}", "-m", "nsysgap", "whatif", "{report}", "--sync-every", "10", "--cheaper-launches", "2"),
        help="nsysgap whatif, two changes and both together, each replayed three times",
        sizes={**SIZES, **GAP_SIZES},
        limits={"3m-gaps": Limit(wall_s=40, peak_mb=2000)},
    ),
    "advise": Suite(
        command=("{python}", "-m", "nsysgap", "advise", "{report}"),
        help="nsysgap advise: candidates found, replayed and ordered",
        sizes={**ADVICE_SIZES, **SIZES, **GAP_SIZES},
        limits={"20k": Limit(wall_s=3)},
    ),
    "stacks": Suite(
        command=(
            "{python}",
            "-m",
            "nsysgap",
            "stacks",
            "{report}",
            "--format",
            "html",
            "-o",
            "{out}/idle.html",
            "--force",
        ),
        help="nsysgap stacks, flame graph of Python samples of 60 frames",
        sizes={
            "stacks-100k": {"kernels": 100_000, "stacks": 100_000},
            "stacks-1m": {"kernels": 100_000, "stacks": 1_000_000},
        },
        limits={"stacks-100k": Limit(wall_s=3), "stacks-1m": Limit(wall_s=20)},
    ),
    "to-chrome": Suite(
        command=(
            *("{python}", "-m", "nsysgap", "to-chrome", "{report}", "-o", "{out}/trace.json.gz"),
            *("--args", "minimal", "--force"),
        ),
        help="nsysgap to-chrome: arrows, gaps, NVTX, counters, gzipped",
        peers={
            "json.dump of dicts, no arrows": ("python3", PLAIN_CHROME, "{report}", "{out}/plain.json"),
            "gzip -1 of the same bytes": ("sh", "-c", "gzip -dc {out}/trace.json.gz | gzip -1 > {out}/again.gz"),
        },
        limits={"300k": Limit(wall_s=4, peak_mb=300), "3m": Limit(wall_s=40, peak_mb=1200)},
    ),
    "timeline": Suite(
        command=("{python}", "-m", "nsysgap", "timeline", "{report}", "-o", "{out}/page.html", "--force"),
        help="nsysgap timeline, the page (tests/bench/browse.py measures it in a browser)",
        limits={"300k": Limit(wall_s=5, peak_mb=500)},
    ),
}


@dataclass(frozen=True)
class Run:
    """One process: wall seconds, peak resident memory in MiB, CPU seconds (user and system)."""

    wall_s: float
    peak_mb: float
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Result:
    """All runs of one command."""

    name: str
    command: str
    best_s: float
    median_s: float
    peak_mb: float
    ratio: float
    runs: int
    note: str = ""
    cpu_s: float = 0.0


def run_once(command: Sequence[str]) -> Run:
    """Run a command to its end.

    Raises:
        MeasureError: it cannot be started, or fails.
    """
    # As where pip installed it: its modules stay compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment)
        except OSError as error:
            raise MeasureError(f"cannot start {command[0]}: {error.strerror}") from error
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        wall = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            errors.seek(0)
            text = errors.read().decode(errors="replace").strip()[-500:]
            raise MeasureError(f"exit code {child.returncode} from {shlex.join(command)}: {text}")
    return Run(wall, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def measure(commands: Mapping[str, Sequence[str]], runs: int, warmups: int = 1) -> list[Result]:
    """Run all commands in turn, ``runs`` times over; ratios are best time against the first command's."""
    taken: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(warmups + runs):
        for name, command in commands.items():
            once = run_once(command)
            if turn >= warmups:
                taken[name].append(once)
    floor = min(run.wall_s for run in next(iter(taken.values())))
    return [_result(name, commands[name], several, floor) for name, several in taken.items()]


def _result(name: str, command: Sequence[str], runs: list[Run], floor: float) -> Result:
    walls = [run.wall_s for run in runs]
    peak = max(run.peak_mb for run in runs)
    best = min(walls)
    cpu = min(run.cpu_s for run in runs)
    return Result(name, shlex.join(command), best, statistics.median(walls), peak, best / floor, len(runs), cpu_s=cpu)


def check(result: Result, limit: Limit, plain: Result | None = None) -> list[str]:
    """What exceeds its limit, in words; empty if nothing does. `plain` is what `cpu_ratio` is to."""
    pairs = [("s", result.best_s, limit.wall_s), ("x the floor", result.ratio, limit.ratio)]
    pairs.append(("MB", result.peak_mb, limit.peak_mb))
    if plain is not None:
        pairs.append((f"x the CPU time {plain.name}", result.cpu_s / plain.cpu_s, limit.cpu_ratio))
    return [f"{value:.2f} {unit}, limit {most:g}" for unit, value, most in pairs if most is not None and value >= most]


def cached_report(cache: Path, size: str, options: Mapping[str, int]) -> Path:
    """The report of a size; generated by a process of its own if the cache lacks it."""
    path = cache / f"{size}.sqlite"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        generator = Path(__file__).resolve().with_name("generate.py")
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        print(f"generating {path}", file=sys.stderr)
        run_once([sys.executable, str(generator), str(path), *flags])
    return path


def warm(path: Path) -> None:
    """Read a file once, so that it lies in the page cache."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def fill(command: Sequence[str], report: Path, out: Path) -> list[str]:
    """Put the interpreter, the report and the output folder into a command's words."""
    places = {"{python}": sys.executable, "{report}": str(report), "{out}": str(out)}
    return [re.sub(r"\{(python|report|out)\}", lambda found: places[found[0]], word) for word in command]


def suite_commands(name: str, suite: Suite) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The suite's command and those of its peers that are installed; and the names of the others."""
    missing = [
        peer for peer, command in suite.peers.items() if command[0] != "{python}" and not shutil.which(command[0])
    ]
    peers = {peer: command for peer, command in suite.peers.items() if peer not in missing}
    return {f"nsysgap {name}": suite.command, **peers}, missing


def import_time(runs: int) -> list[Result]:
    """``nsysgap --help`` against the interpreter's own start."""
    script = Path(sys.executable).with_name("nsysgap")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "nsysgap"]
    return measure(
        {"python -c pass": [sys.executable, "-c", "pass"], "nsysgap --help": [*command, "--help"]},
        runs,
    )


def slowest_imports(count: int = 10) -> list[tuple[float, str]]:
    """Milliseconds (own time) and names of the modules that ``nsysgap --help`` spends most on importing."""
    command = [sys.executable, "-X", "importtime", "-m", "nsysgap", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    found = re.findall(r"^import time:\s+(\d+) \|\s+\d+ \| +(\S+)$", text, re.MULTILINE)
    return sorted(((int(own) / 1000, name) for own, name in found), reverse=True)[:count]


def table(results: Sequence[Result]) -> str:
    """Results as aligned text."""
    width = max(len(result.name) for result in results)
    heads = ("best s", "median s", "x floor", "CPU s", "peak MB")
    lines = ["  ".join([" " * width, *(f"{head:>8}" for head in heads)])]
    lines += [
        f"{one.name:{width}}  {one.best_s:8.3f}  {one.median_s:8.3f}  {one.ratio:8.2f}  {one.cpu_s:8.2f}"
        f"  {one.peak_mb:8.0f}  {one.note}"
        for one in results
    ]
    return "\n".join(line.rstrip() for line in lines)


def _parser() -> argparse.ArgumentParser:
    suites = "; ".join(f"{name}: {suite.help}" for name, suite in SUITES.items())
    parser = argparse.ArgumentParser(description="Measure commands on synthetic reports.")
    parser.add_argument("suite", nargs="?", choices=SUITES, help=suites)
    parser.add_argument("--size", default="300k", help="size of the report (300k, 3m; default 300k)")
    parser.add_argument("--report", type=Path, help="measure on this file instead of a generated one")
    parser.add_argument(
        "--command",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="measure this as well",
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "nsysgap-bench"), metavar="FOLDER")
    parser.add_argument("--runs", type=int, default=5, help="measured runs of each command (5)")
    parser.add_argument("--warmups", type=int, default=1, help="unmeasured runs before (1)")
    parser.add_argument("--no-peers", action="store_true", help="leave other tools out")
    parser.add_argument(
        "--importtime",
        action="store_true",
        help="measure `nsysgap --help` against `python -c pass`",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is exceeded")
    return parser


def _check_options(options: argparse.Namespace) -> None:
    if not (options.suite or options.command or options.importtime):
        raise MeasureError("nothing to measure; name a suite, --command or --importtime")
    if options.runs < 1 or options.warmups < 0:
        raise MeasureError("--runs must be at least 1, --warmups at least 0")


def _own_commands(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    commands = {}
    for word in words:
        name, equals, command = word.partition("=")
        if not equals or not command.strip():
            raise MeasureError(f"--command {word!r}: expected NAME=COMMAND")
        commands[name] = tuple(shlex.split(command))
    return commands


def _report(options: argparse.Namespace, suite: Suite | None) -> Path:
    if options.report is not None:
        if not options.report.is_file():
            raise MeasureError(f"{options.report} is not a file")
        return Path(options.report)
    sizes = suite.sizes if suite else SIZES
    if options.size not in sizes:
        raise MeasureError(f"no size {options.size!r}; there are {', '.join(sizes)}")
    return cached_report(options.cache, options.size, sizes[options.size])


def _measure_suite(options: argparse.Namespace) -> tuple[list[Result], list[str]]:
    """Results, floor first, and the remarks to print below them; remarks on limits begin with "over"."""
    suite = SUITES.get(options.suite or "")
    own, missing = suite_commands(options.suite, suite) if suite else ({}, [])
    if options.no_peers:
        own, missing = dict(list(own.items())[:1]), []
    templates = {"floor (sqlite3)": FLOOR, **own, **_own_commands(options.command)}
    report = _report(options, suite)
    warm(report)
    with tempfile.TemporaryDirectory() as out:
        commands = {name: fill(words, report, Path(out)) for name, words in templates.items()}
        results = measure(commands, options.runs, options.warmups)
    limit = suite.limits.get(options.size) if suite and options.report is None else None
    plain = next((one for one in results if one.name == PLAIN), None)
    remarks = [f"not installed: {name}" for name in missing]
    remarks += [
        f"over the limit: {results[1].name}: {text}" for text in (check(results[1], limit, plain) if limit else [])
    ]
    if plain is not None:
        remarks.append(f"{results[1].name}: {results[1].cpu_s / plain.cpu_s:.2f} x the CPU time {plain.name}")
    return results, remarks


def _measure_import(options: argparse.Namespace) -> tuple[list[Result], list[str]]:
    results = import_time(options.runs)
    spent = results[1].best_s - results[0].best_s
    remarks = [f"nsysgap's own start: {spent:.3f} s (limit {IMPORT_LIMIT_S} s)"]
    remarks += [f"  {milliseconds:7.1f} ms  {name}" for milliseconds, name in slowest_imports()]
    if spent >= IMPORT_LIMIT_S:
        remarks.append(f"over the limit: {spent:.3f} s, limit {IMPORT_LIMIT_S}")
    return results, remarks


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _check_options(options)
        results, remarks = (_measure_import if options.importtime else _measure_suite)(options)
    except (MeasureError, OSError) as error:
        print(f"measure: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if options.json:
        facts = {
            "schema": "nsysgap.bench/1",
            "results": [asdict(one) for one in results],
            "remarks": remarks,
        }
        print(json.dumps(facts, indent=1))
    else:
        print("\n".join([table(results), *remarks]))
    return int(options.check and any(remark.startswith("over") for remark in remarks))


if __name__ == "__main__":
    sys.exit(main())
