"""Timeline pages for tests: a made report that has everything, the project's samples, written by the real command."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

from browser import WAIT_MS, Watched
from click.testing import CliRunner
from folders import SAMPLES
from report_builder import ReportBuilder

READY = "body[data-ready]"
US = 1_000
# Above 2**53 ns, where JavaScript's own numbers begin to miss integers.
FAR = 2**53 + 1_000_001
EVIL = (
    "</script><script>window.pwned = 1</script>",
    '"><img src=x onerror="window.pwned = 2"><svg onload="window.pwned = 3">',
    "<b>bold</b><a href='javascript:window.pwned = 4'>link</a> &lt;i&gt; $x^2$",
    "control \x00\x07\x1b[31m and \u202eright to left",
)


def sample(name: str, folder: Path) -> Path:
    """A copy of a report of sample_traces, unpacked."""
    plain, packed = SAMPLES / f"{name}.sqlite", SAMPLES / f"{name}.sqlite.xz"
    target = folder / f"{name}.sqlite"
    target.write_bytes(plain.read_bytes() if plain.exists() else lzma.decompress(packed.read_bytes()))
    return target


def run(*arguments: str | Path) -> Any:
    """Run `nsysgap` with these arguments in this process."""
    from nsysgap.commands import cli

    return CliRunner().invoke(cli, [str(one) for one in arguments])


def write_page(report: Path, *options: str) -> Path:
    """The page of a report, beside it; all have one name (Watched.open says why)."""
    page = report.with_name("page.html")
    result = run("timeline", report, "-o", page, "--force", *options)
    assert result.exit_code == 0, result.output
    return page


def gaps_json(report: Path, *options: str) -> dict[str, Any]:
    """What `nsysgap gaps --format json` says."""
    result = run("gaps", report, "--format", "json", *options)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.output)
    return document


def everything() -> ReportBuilder:
    """Two processes that share GPU 0, one of them on GPU 1 too; causes, copies, a graph, NVTX, OS calls, odd names.

    The second gap of process 1 is exactly 1 us: 300 ns sync, 200 ns host, 400 ns launch, 100 ns queued.
    """
    made = ReportBuilder().gpu(0, "NVIDIA Test").gpu(1, "NVIDIA Test").process(1, "trainer").process(2, "loader")
    made.device(1, 0, 0).device(1, 1, 1).device(2, 0, 0).versions()
    made.nvtx(0, 90 * US, "epoch", color=0xFF3366CC).nvtx(10 * US, 34 * US, "step one").nvtx(
        34 * US, 80 * US, "step two"
    )
    made.launch((10 * US, 12 * US), (13 * US, 20 * US), "first<float>(int)")
    made.sync(12_500, 20_300, 50)
    made.launch((20_500, 20_900), (21 * US, 30 * US), "second")
    made.osrt(30_500, 33 * US, "read").launch((33_500, 34_500), (35 * US, 36 * US), "third")
    made.launch((36 * US, 37 * US), (35_500, 38 * US), "beside", stream=8)
    made.graph_launch((39 * US, 41 * US), (42 * US, 44 * US), (44_500, 46 * US))
    made.call(47 * US, 48 * US, 900, "cudaMemcpyAsync").memcpy(48_500, 50 * US, 900)
    made.call(50 * US, 51 * US, 901, "cudaMemcpyAsync").memcpy(51_500, 52 * US, 901, copyKind=2)
    for number, name in enumerate(EVIL):
        start = (53 + 4 * number) * US
        made.nvtx(start, start + 3_500, name).launch((start, start + US), (start + 2 * US, start + 3 * US), name)
    made.launch((1 * US, 2 * US), (60_500, 61 * US), "other", pid=2, tid=2)
    made.launch((70 * US, 71 * US), (72 * US, 80 * US), "on the second", device=1)
    made.launch((80 * US, 81 * US), (82 * US, 85 * US), "last there", device=1)
    made.overhead(5 * US, 6 * US)
    return made


def far_away() -> ReportBuilder:
    """Times above 2**53 ns and a gap longer than 2**32 ns, an NVTX range that never ends."""
    later = FAR + 5_000_000_007
    made = ReportBuilder().nvtx(FAR - 11, None, "never ends")
    return made.launch((FAR, FAR + 5), (FAR + 7, FAR + 1_001)).launch((later - 3, later), (later + 1, later + 17))


def ready(watched: Watched, page: Path, fragment: str = "") -> Any:
    """The opened page, once it answers."""
    opened = watched.open(page, fragment)
    opened.wait_for_selector(READY)
    return opened


def view(page: Any) -> list[int]:
    found: list[int] = page.evaluate("[nsysgap.state.t0, nsysgap.state.t1]")
    return found


TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Each frame anew. Playwright's wait_for_function would compile its text in the page, which the page's policy forbids.
UNTIL = """(value) => new Promise((done, fail) => {
  const began = performance.now();
  const look = () => {
    if (CONDITION) done();
    else if (performance.now() - began > WAIT_MS) fail(new Error(`never came: ${JSON.stringify(EXPRESSION)}`));
    else requestAnimationFrame(look);
  };
  look();
})"""
# Scrolling at rest: the offsets are those of ten frames ago.
SCROLLED = """new Promise((done) => {
  const offsets = () => [scrollX, scrollY, document.getElementById("rows").scrollTop].join();
  let before = offsets(), frames = 0;
  const look = () => {
    frames = offsets() === before ? frames + 1 : 0;
    before = offsets();
    frames === 10 ? done() : requestAnimationFrame(look);
  };
  look();
})"""


def until(page: Any, condition: str, value: Any = None, *, shown: str = "null") -> None:
    """Wait until an expression of the page and of `value` is true; where it never is, say what `shown` was."""
    text = UNTIL.replace("CONDITION", condition).replace("EXPRESSION", shown).replace("WAIT_MS", str(WAIT_MS))
    page.evaluate(text, value)


def becomes(page: Any, expression: str, value: Any) -> None:
    """Wait until what the page says is the value: input comes to a page some time after it was made."""
    until(page, f"JSON.stringify({expression}) === JSON.stringify(value)", value, shown=expression)


def settle(page: Any) -> None:
    """Until the view has come to rest: drawn, in the address and in words."""
    page.evaluate(TWO_FRAMES)  # what the browser tells the page with the next frame has arrived
    until(page, "nsysgap.page.atRest()")


def scrolled(page: Any) -> None:
    """Until nothing scrolls any more, by a finger's swing either: a tap would only stop it."""
    page.evaluate(SCROLLED)
    settle(page)


def gap_place(page: Any, length: int) -> list[int]:
    """[reference, start, end] of the only gap of that length."""
    found: list[list[int]] = page.evaluate(
        """(length) => nsysgap.store.gapTracks.flatMap((track) => [...track.dur.keys()].filter((i) =>
        track.dur[i] === length).map((i) => [nsysgap.store.reference(track, i), track.start[i], track.end(i)]))""",
        length,
    )
    assert len(found) == 1
    return found[0]


def center(page: Any, reference: int) -> tuple[float, float]:
    """Where a slice is drawn, in the window."""
    x, y = page.evaluate(
        """(reference) => {
        const { track, i } = nsysgap.store.locate(reference), box = nsysgap.page.overlay.boxes(track, i)[0];
        const at = document.getElementById("surface").getBoundingClientRect();
        return [at.left + box.x + box.width / 2, at.top + box.y + box.height / 2];
        }""",
        reference,
    )
    return x, y
