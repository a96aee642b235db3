"""What noting an NVTX range costs: a C program that pushes and pops, with the timing library and without any.

    python tests/bench/nvtx_overhead.py INCLUDE      (INCLUDE: the folder that holds nvtx3/nvToolsExt.h)

Prints the medians of 11 rounds of each in turn, in ns of CPU time a range, and their difference.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from nsysgap.profiling.nvtx_times import notes_folder, timing_environment

PROGRAM = r"""
#include <nvtx3/nvToolsExt.h>
#include <stdio.h>
#include <time.h>
int main(void) {
    struct timespec a, b;
    nvtxRangePushA("first"); nvtxRangePop();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int i = 0; i < 1000000; i++) { nvtxRangePushA("step 12345"); nvtxRangePop(); }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("%.3f\n", ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / 1e6);
}
"""
ROUNDS = 11


def main() -> None:
    """Compile, run in turn, print."""
    with tempfile.TemporaryDirectory() as folder:
        code, program = Path(folder) / "ranges.c", Path(folder) / "ranges"
        code.write_text(PROGRAM)
        subprocess.run(["cc", "-O2", "-I", sys.argv[1], "-o", str(program), str(code), "-ldl"], check=True)
        with_it: list[float] = []
        without: list[float] = []
        for _ in range(ROUNDS):
            with notes_folder() as noted:
                for times, added in ((without, {}), (with_it, timing_environment(noted, {}))):
                    done = subprocess.run([program], check=True, capture_output=True, env={**os.environ, **added})
                    times.append(float(done.stdout))
    noting, bare = statistics.median(with_it), statistics.median(without)
    print(f"noted {noting:.1f} ns a range, without {bare:.1f} ns: {noting - bare:.1f} ns more")


if __name__ == "__main__":
    main()
