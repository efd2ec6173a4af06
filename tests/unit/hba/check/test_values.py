import pytest

from pgward.hba.check.values import is_boolean, is_on


@pytest.mark.parametrize("value", ["on", "ON", "true", "t", "Ye", "1"])
def test_what_is_on(value) -> None:
    assert is_on(value)


@pytest.mark.parametrize("value", ["off", "o", "false", "no", "0", "", "11", "truely"])
def test_what_is_not(value) -> None:
    assert not is_on(value)


@pytest.mark.parametrize("value", ["on", "OFF", "of", "t", "fal", "y", "no", "1", "0"])
def test_booleans(value) -> None:
    assert is_boolean(value)


@pytest.mark.parametrize("value", ["", "o", "2", "all", "truely", "authentication"])
def test_what_is_no_boolean(value) -> None:
    assert not is_boolean(value)
