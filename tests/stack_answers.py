"""`nsysgap stacks` run by tests, on a made report with hostile names."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from stack_reports import StackReport

from nsysgap.commands import cli
from nsysgap.errors import NsysgapError

NASTY = "</script><img src=x onerror=alert(1)>;\x1b[31m& %{x}"
FILE = "/opt/site-packages/torch/nn/linear.py"


def stacks(report: Path, *options: str, code: int = 0) -> str:
    """What the command prints; where it fails, its error."""
    done = CliRunner().invoke(cli, ["stacks", str(report), *options])
    if code:
        assert isinstance(done.exception, NsysgapError)
        assert done.exception.exit_code == code
        return str(done.exception)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def write_report(path: Path) -> Path:
    """Two gaps of 1,000 ns: 750 ns in `work`, 500 of them recursive, 250 in one with a nasty name; one gap unseen."""
    report = StackReport()
    report.gap(1000, 2000)
    report.gap(90_000, 91_000)
    main = ("main", "/home/u/p/prog.py", 3)
    report.python(1100, [("work", "/home/u/p/lib/prog.py", 20), main])
    for time in (1200, 1300):
        report.python(time, [("work", "/home/u/p/lib/prog.py", 20), ("work", "/home/u/p/lib/prog.py", 20), main])
    report.python(1400, [(NASTY, FILE, 7), main])
    return report.write(path)


def gaps(*arguments: str) -> str:
    """What `nsysgap gaps` prints; where it fails, its error is raised."""
    done = CliRunner().invoke(cli, ["gaps", *arguments])
    if done.exception is not None:
        raise done.exception
    return done.stdout
