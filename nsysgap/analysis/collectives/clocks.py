"""Units' clocks held against one another by the collectives that end together, to draw units in one picture.

Used for pictures alone, never for a figure within a unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.matching import Matched

Times = NDArray[np.int64]
LEAST_COLLECTIVES = 10


@dataclass(frozen=True)
class Clocks:
    """`offset` (units,): how many ns a unit's clock is ahead of the common one; None where it cannot be told.

    The residuals are what single collectives' ends differ by after that, absolute, p50 and p95 by nearest rank, ns.
    """

    offset: Times | None
    residual_p50: int | None = None
    residual_p95: int | None = None


def align(matched: Matched, origin: Times) -> Clocks:
    """The clocks of units. `origin` (units,): UTC ns at which each unit's session began, 0 where not known.

    A unit's offset is the median over the collectives of its end less the median end, on origin + time. No offset is
    given with fewer than ten collectives, nor where two units' offsets are impossible: none can end a collective
    before another has begun it.
    """
    if len(matched) < LEAST_COLLECTIVES:
        return Clocks(None)
    end, start = matched.end + origin[:, None], matched.start + origin[:, None]
    common = np.sort(end, axis=0)[(len(end) - 1) // 2]
    differences = end - common
    offset = np.sort(differences, axis=1)[:, (differences.shape[1] - 1) // 2]
    residual = np.sort(np.abs(differences - offset[:, None]).ravel())
    p50, p95 = (int(residual[-(-share * len(residual) // 100) - 1]) for share in (50, 95))
    return Clocks(offset if _possible(start, end, offset) else None, p50, p95)


def _possible(start: Times, end: Times, offset: Times) -> bool:
    """Whether each pair's difference lies in [max(start_i - end_j), min(end_i - start_j)].

    That is: on the common clock nobody ends a collective before the last one has begun it.
    """
    ahead = offset[:, None]
    return bool(((start - ahead).max(axis=0) <= (end - ahead).min(axis=0)).all())
