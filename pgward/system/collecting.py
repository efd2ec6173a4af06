"""Leave Python's garbage collector out of work that makes much and throws nothing away.

It looks through all objects again and again while a long file is read, which is a third of the
time, and finds nothing: what is read has no cycles.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Keep it from running; also as a decorator. What is never in a cycle is freed all the same."""
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()
