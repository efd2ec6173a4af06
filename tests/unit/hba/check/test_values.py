import pytest

from pgward.hba.check.values import is_boolean, is_on, lacking_stages, stages


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


BOTH = ["authentication", "authorization"]


def test_stages() -> None:
    assert stages(" Receipt,, authorization ") == ["receipt", "authorization"]


@pytest.mark.parametrize(
    ("version", "value", "lacking"),
    [
        (17, "on", []),
        (17, "off", BOTH),
        (17, "all", BOTH),
        (18, "on", []),
        (18, "all", []),
        (18, "", BOTH),
        (18, "receipt", BOTH),
        (18, "AUTHENTICATION", ["authorization"]),
        (18, "authorization, receipt", ["authentication"]),
    ],
)
def test_what_log_connections_lacks(version, value, lacking) -> None:
    assert lacking_stages(value, version) == lacking
