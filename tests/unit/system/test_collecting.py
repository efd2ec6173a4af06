import gc

import pytest

from pgward.system import collecting


def test_it_goes_on_afterwards() -> None:
    assert gc.isenabled()
    with collecting.paused():
        assert not gc.isenabled()
        with collecting.paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(KeyError), collecting.paused():
        raise KeyError
    assert gc.isenabled()


def test_as_a_decorator() -> None:
    assert collecting.paused()(gc.isenabled)() is False
    assert gc.isenabled()
