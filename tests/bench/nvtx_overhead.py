"""What noting an NVTX range costs: programs that push and pop, with the timing library and with an empty one.

    python tests/bench/nvtx_overhead.py [INCLUDE]     (the folder that holds nvtx3/nvToolsExt.h; else nsys's own)

In C, C++, and Python with the packages nvtx and torch where they are installed. Prints the medians of 11 rounds of
each in turn, in ns of CPU time a range, and their difference. The package nvtx does most of its own work only where a
library is there, whichever: hence the empty one.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from nsysgap.profiling.finding import find_nsys
from nsysgap.profiling.nvtx_times import notes_folder, timing_environment

RANGES = 1_000_000
MEASURED = """
    timespec a, b;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int i = 0; i < {ranges}; i++) {{ {body} }}
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("%.3f\\n", ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / {ranges});
"""
C = """
#include <nvtx3/nvToolsExt.h>
#include <stdio.h>
#include <time.h>
typedef struct timespec timespec;
int main(void) {{
    nvtxRangePushA("first"); nvtxRangePop();
    {measured}
}}
"""
CPP = """
#include <nvtx3/nvtx3.hpp>
#include <cstdio>
#include <ctime>
struct library {{ static constexpr char const* name{{"library"}}; }};
int main() {{
    {{ nvtx3::scoped_range_in<library> first{{"first"}}; }}
    {measured}
}}
"""
PYTHON = """
import time
{setup}
push("first"); pop()
begin = time.process_time_ns()
for _ in range({ranges}):
    push("step 12345"); pop()
print((time.process_time_ns() - begin) / {ranges})
"""
EMPTY = "int InitializeInjectionNvtx2(void *get) { return get != 0; }"
ROUNDS = 11


def commands(folder: Path, include: str) -> Iterator[tuple[str, list[str]]]:
    """Each program by name, ready to run."""
    bodies = {
        "C": 'nvtxRangePushA("step 12345"); nvtxRangePop();',
        "C++": 'nvtx3::scoped_range_in<library> r{"step 12345"};',
    }
    for name, text, ending, compiler in (("C", C, "c", "cc"), ("C++", CPP, "cpp", "c++")):
        code, program = folder / f"ranges.{ending}", folder / f"ranges-{ending}"
        code.write_text(text.format(measured=MEASURED.format(ranges=RANGES, body=bodies[name])))
        subprocess.run([compiler, "-O2", "-I", include, "-o", str(program), str(code), "-ldl"], check=True)
        yield name, [str(program)]
    for name, setup in (
        ("nvtx", "import nvtx; push, pop = nvtx.push_range, nvtx.pop_range"),
        ("torch", "from torch.cuda.nvtx import range_push as push, range_pop as pop"),
    ):
        if find_spec(name):
            yield f"Python, {name}", [sys.executable, "-c", PYTHON.format(setup=setup, ranges=RANGES // 4)]


def main() -> None:
    """Compile, run in turn, print."""
    include = sys.argv[1] if len(sys.argv) > 1 else nsys_include()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "empty.c").write_text(EMPTY)
        empty = {"NVTX_INJECTION64_PATH": str(folder / "empty.so")}
        subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "empty.so", folder / "empty.c"], check=True)
        for name, command in commands(folder, include):
            noting, bare = measured(command, empty)
            print(
                f"{name}: noted {noting:.1f} ns a range, empty {bare:.1f} ns: {noting - bare:.1f} ns more", flush=True
            )


def measured(command: list[str], empty: dict[str, str]) -> tuple[float, float]:
    """Return the ns a range with the timing library and with the empty one: medians."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        with notes_folder() as noted:
            for mine, added in zip(times, (timing_environment(noted, {}), empty), strict=True):
                done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, **added})
                mine.append(float(done.stdout))
    return statistics.median(times[0]), statistics.median(times[1])


def nsys_include() -> str:
    """The folder of NVTX's headers that comes with nsys."""
    place = Path(find_nsys().path).resolve().parents[1]
    found = next((path for path in place.rglob("nvtx3/nvToolsExt.h")), None)
    if found is None:
        raise SystemExit("nvtx3/nvToolsExt.h was not found below nsys: name its folder.")
    return str(found.parents[1])


if __name__ == "__main__":
    main()
