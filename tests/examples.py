"""How many examples hypothesis tries in the tests whose examples cost most: made reports, brute force.

Such a test says how many a thorough run tries: `@settings(max_examples=examples(200))`. NSYSGAP_EXAMPLES is the
share of them, 0.25 where it is not set: 1 in .ci/run, 10 to look for what was never seen.
"""

from __future__ import annotations

import os

SHARE = float(os.environ.get("NSYSGAP_EXAMPLES", "0.25"))
LEAST = 15  # below it hypothesis tries little but the simplest


def examples(thorough: int) -> int:
    """The examples to try, where a thorough run tries so many."""
    return max(round(thorough * SHARE), LEAST)
