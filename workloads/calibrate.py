"""Calibrate: what launching, CUDA graphs and copies cost on this machine, measured one by one.

The program is nsysgap/profiling/calibration_program.py, which `nsysgap calibrate` runs: its text lists the series.

A report of it must show a range for each series, in each of its repeats the launches that the series' name tells, and
one cudaStreamSynchronize.
"""

from __future__ import annotations

import runpy
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "nsysgap" / "profiling" / "calibration_program.py"

if __name__ == "__main__":
    runpy.run_path(str(PROGRAM), run_name="__main__")
