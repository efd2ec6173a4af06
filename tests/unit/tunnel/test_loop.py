import asyncio
import builtins
import gc

import pytest
import uvloop

from pgward.tunnel import loop


def test_uvloop_where_it_is():
    seen = []

    async def main() -> None:
        seen.append(type(asyncio.get_running_loop()))

    loop.run(main())
    assert seen == [uvloop.Loop]


def test_asyncio_elsewhere(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "uvloop":
            raise ImportError(name)
        return real(name, *rest, **more)

    seen = []

    async def main() -> None:
        seen.append(asyncio.get_running_loop())

    monkeypatch.setattr(builtins, "__import__", without)
    loop.run(main())
    assert isinstance(seen[0], asyncio.SelectorEventLoop)


def test_what_main_raises_comes_out():
    async def main() -> None:
        raise RuntimeError("told")

    with pytest.raises(RuntimeError, match="told"):
        loop.run(main())


def test_the_collector_runs_seldom():
    before = gc.get_threshold()
    try:
        loop.tune_collector()
        assert gc.get_threshold()[0] >= 10_000
        assert gc.get_freeze_count() > 0
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
