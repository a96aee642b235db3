"""Where things are in the repository, however deep the test that asks lies."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SAMPLES = ROOT / "sample_traces"
NAIVE = SAMPLES / "naive.sqlite"
WORKLOADS = ROOT / "workloads"
NODE_MODULES = TESTS / "node_modules"
PAGE = ROOT / "nsysgap" / "render" / "pages" / "timeline"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
SPEEDSCOPE = NODE_MODULES / "speedscope" / "dist" / "release" / "index.html"


def generator() -> ModuleType:
    """docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
