from datetime import date

import pytest

from pgward.system.posture import macos

TODAY = date(2026, 11, 21)


def test_the_version():
    text = "ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n"
    assert macos.parse_sw_vers(text) == ("macOS", "14.5")
    assert macos.parse_sw_vers("") == ("macOS", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("FileVault is On.\n", True),
        ("FileVault is Off.\n", False),
        ("FileVault is On.\nEncryption in progress: Percent completed = 41.2\n", False),
        ("Error: not supported\n", None),
        ("", None),
    ],
)
def test_filevault(text, value):
    assert macos.parse_fdesetup(text).value is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-21 09:00:00.123 sysadminctl[1:2] screenLock delay is immediate\n", True),
        ("2026-11-21 09:00:00.123 sysadminctl[1:2] screenLock delay is 300 seconds\n", True),
        ("2026-11-21 09:00:00.123 sysadminctl[1:2] screenLock is off\n", False),
        ("", None),
    ],
)
def test_the_screen_lock(text, value):
    assert macos.parse_screen_lock(text).value is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Firewall is enabled. (State = 1)\n", True),
        ("Firewall is blocking all non-essential incoming connections. (State = 2)\n", True),
        ("Firewall is disabled. (State = 0)\n", False),
        ("Firewall is enabled.\n", True),
        ("", None),
    ],
)
def test_the_firewall(text, value):
    assert macos.parse_firewall(text).value is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-01 10:11:12 +0000\n", 20),
        ("2026-99-01 10:11:12 +0000\n", None),
        ("The domain/default pair of (x, LastSuccessfulDate) does not exist\n", None),
    ],
)
def test_updates(text, value):
    assert macos.parse_last_update(text, TODAY).value == value


def test_elsewhere_nothing_is_known_and_nothing_fails():
    assert {probe().value for probe in macos.PROBES.values()} == {None}
