"""The event loop and the garbage collector, set for the data plane."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it exists, on asyncio elsewhere, with all descriptors allowed."""
    raise_descriptor_limit()
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(main)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def raise_descriptor_limit() -> int:
    """Take as many file descriptors as the system lets this process have: two a session.

    Returns how many that are.
    """
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return sys.maxsize
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def tune_collector() -> None:
    """Let the collector pass over what lives for ever, and seldom run: links free themselves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
