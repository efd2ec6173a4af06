"""Threads in which a worker asks its CA: not those in which names of servers are resolved.

A CA that hangs keeps each of its askers waiting. In asyncio's own few threads they would have all
others wait: sessions that need nothing of the CA, but the address of a database. For the same
reason strangers' questions have threads apart from those about people who are known.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

THREADS = 8
_strangers = ThreadPoolExecutor(THREADS, thread_name_prefix="ca-strangers")
_people = ThreadPoolExecutor(THREADS, thread_name_prefix="ca-people")


async def for_stranger(ask: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call what asks the CA about somebody who has not proved yet who it is."""
    asked = partial(ask, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_strangers, asked)


async def for_person(ask: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call what asks the CA for somebody who has."""
    asked = partial(ask, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_people, asked)
