import pytest

from pgward.hba.check.values import is_on


@pytest.mark.parametrize("value", ["on", "ON", "true", "t", "Ye", "1"])
def test_what_is_on(value) -> None:
    assert is_on(value)


@pytest.mark.parametrize("value", ["off", "o", "false", "no", "0", "", "11", "truely"])
def test_what_is_not(value) -> None:
    assert not is_on(value)
