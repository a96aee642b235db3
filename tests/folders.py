"""Where things are in the repository, however deep the test that asks lies."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SAMPLES = ROOT / "sample_traces"
NAIVE = SAMPLES / "naive.sqlite"
WORKLOADS = ROOT / "workloads"
NODE_MODULES = TESTS / "node_modules"
PAGE = ROOT / "nsysgap" / "render" / "pages" / "timeline"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
SPEEDSCOPE = NODE_MODULES / "speedscope" / "dist" / "release" / "index.html"
