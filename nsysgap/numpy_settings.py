"""What numpy is told by the environment, which it reads when it is imported; programs that are run are not told so."""

from __future__ import annotations

import os

SETTINGS = {
    # Else numpy asks for huge pages, for which Linux moves other memory about: half the system time of a large report.
    "NUMPY_MADVISE_HUGEPAGE": "0",
    # Else a thread per core starts and spins, a fifth of the time of a small report. The one large product of matrices
    # (analysis/graphs/shape.py: 3,000 nodes at most) takes half a second on one core.
    "OPENBLAS_NUM_THREADS": "1",
}
_added: set[str] = set()


def tell_numpy() -> None:
    """Set what the user has not set."""
    for name, value in SETTINGS.items():
        if name not in os.environ:
            os.environ[name] = value
            _added.add(name)


def environment_as_given() -> dict[str, str]:
    """The environment without what was set here: a user's program runs as it does without nsysgap."""
    return {name: value for name, value in os.environ.items() if name not in _added}
