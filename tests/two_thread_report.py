"""A report of two threads with stacks, for the tests of viewers."""

from __future__ import annotations

from stack_reports import OTHER, StackReport

MAIN_FRAME = ("main", "/p/a.py", 3)
NASTY = ("</script><img src=x onerror=alert(1)>", "/p/a.py", 9)


def two_threads() -> StackReport:
    """Two gaps: in the first `work` then a nasty name on the launching thread, in the second nothing was sampled."""
    report = StackReport()
    report.gap(1000, 2000)
    report.gap(90_000, 91_000)
    report.call("cudaGetDevice", 100, 110, tid=OTHER)
    report.python(1100, [("work", "/p/a.py", 7), MAIN_FRAME])
    report.python(1200, [("work", "/p/a.py", 7), MAIN_FRAME])
    report.python(1300, [NASTY, MAIN_FRAME])
    report.python(1150, [("other", "/p/b.py", 1)], tid=OTHER)
    report.native(1250, [("spin", "/bin/prog")])
    return report
