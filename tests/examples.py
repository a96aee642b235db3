"""How many examples hypothesis tries: a test says how many a thorough run tries, 100 where it says nothing.

`@settings(max_examples=examples(200))`. NSYSGAP_EXAMPLES is the share of them, 0.25 where it is not set, 1 in .ci/run:
the same ones every time. Above 1 they are new every time, to look for what was never seen.
"""

from __future__ import annotations

import os

SHARE = float(os.environ.get("NSYSGAP_EXAMPLES", "0.25"))
LEAST = 15  # below it hypothesis tries little but the simplest


def examples(thorough: int) -> int:
    """The examples to try, where a thorough run tries so many."""
    return max(round(thorough * SHARE), LEAST)
