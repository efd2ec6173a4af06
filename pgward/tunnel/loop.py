"""The event loop and the garbage collector, set for the data plane."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it exists, on asyncio elsewhere."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(main)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def tune_collector() -> None:
    """Let the collector pass over what lives for ever, and seldom run: links free themselves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
