"""Event loops for tests: Playwright's sync API, once started, keeps one running in the main thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio


def run_async(function: Callable[..., Awaitable[Any]], *given: Any) -> Any:
    """What the coroutine function returns, run in a loop in a thread of its own: a thread runs one loop at a time."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, function, *given).result()
