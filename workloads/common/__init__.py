"""What the five workloads share: kernel, GPU, course of a measurement, check, command line.

The ways of launching are the files beside this folder. They run as scripts (`python
workloads/naive.py`), so Python finds this package beside them, from any working directory.
"""

from common.cli import main
from common.gpu import Gpu
from common.measure import Calls, Launcher, Workload

__all__ = ["Calls", "Gpu", "Launcher", "Workload", "main"]
