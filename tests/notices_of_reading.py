"""Notices of the reader: rows that cannot be used, names, GPUs and stacks that cannot be told, what nsys says."""

from __future__ import annotations

from case_answers import MS, steps
from notice_cases import Case, of_page, printed
from report_builder import ReportBuilder
from stack_reading import GOOD, with_work
from stack_reports import SAMPLING, StackReport

from nsysgap.report.gpus import BEGINS_ON_HOST

LOST_NVTX = "Not all NVTX events might have been collected."
SESSION = {"duration": 60 * MS}
UNREADABLE = 11


def under(report: ReportBuilder, kernel_name: str) -> ReportBuilder:
    """A machine with this release of its system, and calls of a program that left no GPU work."""
    return report.row("TARGET_INFO_SYSTEM_ENV", name="SoftwareReleaseVersion", value=kernel_name).call(0, 1, 1)


def unlike_the_schema(report: StackReport) -> None:
    """A payload schema with a frame of a kind that is none."""
    report.blob(1100, GOOD)
    rows = report.rows["NVTX_PAYLOAD_SCHEMAS"]
    rows[0] = (*rows[0][:3], UNREADABLE, *rows[0][4:])
    report.rows["NVTX_PAYLOAD_SCHEMAS"] = [one for one in rows if one[1] == SAMPLING]


READ = (
    Case("have no timestamp", lambda r: r.kernel(0, 0).kernel(0, 0), lambda r: r.kernel(0, 1).kernel(0, 2)),
    Case(("ends before it starts", ": left out of every figure."), lambda r: r.kernel(9, 5), lambda r: r.kernel(5, 9)),
    Case("names no device", lambda r: r.kernel(5, 9, device=None), lambda r: r.kernel(5, 9)),
    Case("has no start or no end, or ends before it starts", lambda r: r.osrt(9, None), lambda r: r.osrt(9, 9)),
    Case("has no start or ends before it starts", lambda r: r.nvtx(None, 9, "a"), lambda r: r.nvtx(9, None, "a")),
    Case("has an impossible time", lambda r: r.osrt(0, 2**62 + 1), lambda r: r.osrt(0, 2**53)),
    Case(
        "lies far outside the session, on another clock",
        lambda r: r.row("ANALYSIS_DETAILS", **SESSION).osrt(10**14, 10**14 + 1),
        lambda r: r.row("ANALYSIS_DETAILS", **SESSION).osrt(1 << 30, 1 << 31),
    ),
    Case(
        ("name is missing", " in StringIds: shown as <no string ID>."),
        lambda r: r.kernel(5, 9, demangledName=4_242, shortName=4_242),
        lambda r: r.kernel(5, 9),
    ),
    Case(
        " not valid UTF-8: shown with replacement characters.",
        lambda r: r.kernel(5, 9, 0, b"\xff"),
        lambda r: r.kernel(5, 9, 0, "\u00ff"),
    ),
    Case(
        "The program ran under WSL2, where nsys often records CUDA calls but no GPU work.",
        lambda r: under(r, "5.15.90.1-microsoft-standard-WSL2"),
        lambda r: under(r, "5.15.0-generic"),
        of_page,
        ReportBuilder,
    ),
    Case(
        " on a GPU that the report does not tell: each numbers its GPUs itself, and the report describes several.",
        lambda r: steps(r.gpu(0, "A").gpu(1, "B"), 2, MS, pid=2),
        lambda r: steps(r.gpu(0, "A").gpu(1, "B").device(1, 0, 0).device(2, 0, 1), 2, MS, pid=2),
    ),
    Case(
        " only whole graphs that begin with a host node: on which GPU the report does not tell, and numbers it ",
        lambda r: r.graph_trace(0, 5, 0, pid=2, device=BEGINS_ON_HOST),
        lambda r: r.graph_trace(0, 5, 0, device=BEGINS_ON_HOST),
    ),
    Case(
        "OS runtime calls were not recorded: 'os' time counts as 'host' (nsys profile --trace=cuda,nvtx,osrt).",
        lambda r: r.nvtx(0, 1, "x"),
        lambda r: r.osrt(0, 1),
    ),
    Case(
        "There are no NVTX ranges: gaps cannot be told by phase (", lambda r: r.osrt(0, 1), lambda r: r.nvtx(0, 1, "x")
    ),
    Case(
        "nvtxRangePush; in Python nvtx.annotate",
        lambda r: r.osrt(0, 1),
        lambda r: r.osrt(0, 1).process(1, "solver"),
    ),
)
DIAGNOSTICS = (
    Case(
        "nsys says: Unrecognized CUDA",
        lambda r: r.diagnostic(2, "Unrecognized CUDA driver."),
        lambda r: r.diagnostic(1, "Unrecognized CUDA driver."),
    ),
    Case(
        "nsys says: CUDA peer-access",
        lambda r: r.diagnostic(3, "CUDA peer-access tables are incomplete."),
        lambda r: r.diagnostic(3, "CUDA peer-to-peer transfers are not supported under WSL2."),
    ),
    Case(
        "nsys says of one process without GPU work: Not all NVTX",
        lambda r: r.diagnostic(2, LOST_NVTX, 9),
        lambda r: r.diagnostic(2, LOST_NVTX),
    ),
    Case(
        "nsys says of 2 processes without GPU work: Not all NVTX",
        lambda r: r.diagnostic(2, LOST_NVTX, 9).diagnostic(2, LOST_NVTX, 10),
        lambda r: r.diagnostic(2, LOST_NVTX, 9).diagnostic(2, LOST_NVTX, 9),
    ),
    Case(
        "without CUDA events: No CUDA events collected",
        lambda r: r.diagnostic(2, "No CUDA events collected.", 9),
        lambda r: r.diagnostic(2, "No CUDA events were found.", 9),
    ),
    Case(
        " more of this kind: nsysgap info lists them.",
        lambda r: [r.diagnostic(3, f"Error {i}.") for i in range(22)],
        lambda r: [r.diagnostic(3, f"Error {i % 20}.") for i in range(22)],
    ),
)
STACKS = (
    Case(
        "Python stacks cannot be read: the payload schema ",
        unlike_the_schema,
        lambda r: r.blob(1100, GOOD),
        printed("stacks"),
        with_work,
    ),
    Case(
        ("Python stack is", " not laid out as the schema says ("),
        lambda r: [r.blob(1100, GOOD), r.blob(1200, GOOD[:20])],
        lambda r: [r.blob(1100, GOOD), r.blob(1200, GOOD)],
        printed("stacks"),
        with_work,
    ),
    Case(
        ("Python stack has", " no thread or no time: left out."),
        lambda r: [r.blob(1100, GOOD), r.blob(None, GOOD)],
        lambda r: [r.blob(1100, GOOD), r.blob(1200, GOOD)],
        printed("stacks"),
        with_work,
    ),
    Case(
        ("CPU sample has", " no call chain: left out."),
        lambda r: [r.native(1100, [("main", "/p/solver")]), r.native(1200, [])],
        lambda r: [r.native(1100, [("main", "/p/solver")]), r.native(1200, [("main", "/p/solver")])],
        printed("stacks"),
        with_work,
    ),
    Case(
        " may be Python stacks, but the report was exported without them: nsys export --type sqlite ",
        lambda r: [r.native(1100, [("main", "/p/solver")]), r.blob(1200, None)],
        lambda r: [r.native(1100, [("main", "/p/solver")]), r.blob(1200, GOOD)],
        printed("stacks"),
        with_work,
    ),
)
CASES = (*READ, *DIAGNOSTICS, *STACKS)
