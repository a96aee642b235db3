"""Broken reports, one process each: `PYTHONPATH=tests python tests/fuzz/run.py --cases 10000 --workers 2`.

Prints what failed, with the seed that makes the case again (`--seed N --cases 1`), and a table by kind. Exits with 1
where anything failed. Files of failures are kept with --keep FOLDER.
"""

from __future__ import annotations

import argparse
import lzma
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fuzz.cases import Outcome, prepare, tried
from fuzz.mutations import broken


def _keep(outcome: Outcome, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        path = broken(outcome.seed, Path(made)).path
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{outcome.kind or 'case'}-{outcome.seed}{path.name.removeprefix('report')}.xz"
        kept.write_bytes(lzma.compress(path.read_bytes()))


def main() -> int:
    """Run the cases; 1 where any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="The first case's seed; the others follow.")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="A folder for the files of failures.")
    given = parser.parse_args()
    began = time.monotonic()
    prepare()
    seeds = range(given.seed, given.seed + given.cases)
    counted: Counter[str] = Counter()
    read: Counter[str] = Counter()
    failed: list[Outcome] = []
    cpu = 0.0
    with multiprocessing.get_context("fork").Pool(given.workers) as pool:
        for outcome in pool.imap_unordered(tried, seeds, chunksize=8):
            counted[outcome.kind or "?"] += 1
            read[outcome.kind or "?"] += outcome.code == 0
            cpu += outcome.cpu_s
            if outcome.failure:
                failed.append(outcome)
                print(f"seed {outcome.seed} ({outcome.kind}, {outcome.base}, {outcome.command}): {outcome.failure}")
                if given.keep:
                    _keep(outcome, given.keep)
    print(f"{'kind':14}{'cases':>8}{'answered':>10}{'failed':>8}")
    for kind in sorted(counted):
        wrong = sum(1 for outcome in failed if (outcome.kind or "?") == kind)
        print(f"{kind:14}{counted[kind]:8,}{read[kind]:10,}{wrong:8,}")
    took = time.monotonic() - began
    print(f"{given.cases:,} cases in {took:.0f} s, {cpu / max(given.cases, 1):.2f} CPU s each; {len(failed)} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
