"""Measures a timeline page in headless Chromium: first paint, zoom steps, heap.

    python tests/bench/browse.py REPORT.html [--steps 24] [--json]

`first_paint_s` counts from navigation to the first drawn timeline, `ready_s` to the page that answers, `zoom_ms` is the
median of zoom and pan steps from the change to the next painted frame, `heap_mb` the JavaScript heap with its array
buffers after them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from browser import chromium, watched_page

READY = "body[data-ready]"
STEP = """([kind, value]) => new Promise((done) => {
  const began = performance.now();
  if (kind === "zoom") nsysgap.zoom(value); else if (kind === "pan") nsysgap.pan(value);
  else nsysgap.setView(...nsysgap.store.window);
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
})"""


@dataclass(frozen=True)
class Browsed:
    """What a page took."""

    file_mb: float
    first_paint_s: float
    ready_s: float
    zoom_ms: float
    slowest_zoom_ms: float
    heap_mb: float


def browse(file: Path, steps: int = 24) -> Browsed:
    """Open a page and use it."""
    with chromium() as browser, watched_page(browser) as watched:
        page = watched.open(file)
        page.wait_for_selector(READY, timeout=120_000)
        painted = page.evaluate("performance.getEntriesByName('nsysgap-first-paint')[0].startTime") / 1000
        ready = page.evaluate("performance.getEntriesByName('nsysgap-ready')[0].startTime") / 1000
        times = [page.evaluate(STEP, step) for step in plan(steps)]
        heap = heap_mb(page)
        watched.check()
    return Browsed(file.stat().st_size / 1e6, painted, ready, statistics.median(times), max(times), heap)


def plan(steps: int) -> list[list[Any]]:
    """Zoom in and sideways from the whole run to single slices, then out again."""
    moves: list[list[Any]] = [["zoom", 0.5], ["pan", 0.4], ["zoom", 0.4], ["pan", -0.3]]
    inwards = [moves[k % 4] for k in range(steps // 2)]
    outwards: list[list[Any]] = [["zoom", 2.2] if k % 3 else ["pan", 0.5] for k in range(steps - len(inwards) - 1)]
    return [*inwards, *outwards, ["whole", 0]]


def heap_mb(page: Any) -> float:
    """Used JavaScript heap and array buffers, MB, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asdict(browse(options.page, options.steps))
    print(json.dumps(figures) if options.json else "  ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
