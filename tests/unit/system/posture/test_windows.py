from datetime import date

import pytest

from pgward.system.posture import windows

TODAY = date(2026, 11, 21)
DESKTOP = """
HKEY_CURRENT_USER\\Control Panel\\Desktop
    ScreenSaveActive    REG_SZ    1
    ScreenSaverIsSecure    REG_SZ    {secure}
    Wallpaper    REG_SZ    C:\\Windows\\x y.jpg

"""
POLICY = """
HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System
    EnableLUA    REG_DWORD    0x1
    InactivityTimeoutSecs    REG_DWORD    {seconds}
"""
PROFILE = """
HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\{name}Profile\r
    EnableFirewall    REG_DWORD    {value}\r
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [("1\r\n", True), ("5\n", True), ("2\n", False), ("3\n", False), ("0\n", None), ("", None)],
)
def test_bitlocker(text, value):
    assert windows.parse_bitlocker(text).value is value


@pytest.mark.parametrize(
    ("desktop", "policy", "value"),
    [
        (DESKTOP.format(secure=1), "", True),
        (DESKTOP.format(secure=0), "", False),
        (DESKTOP.format(secure=0), POLICY.format(seconds="0x384"), True),
        (
            DESKTOP.format(secure=1).replace("Active    REG_SZ    1", "Active    REG_SZ    0"),
            "",
            False,
        ),
        ("", POLICY.format(seconds="0x0"), None),
        ("", "", None),
    ],
)
def test_the_screen_lock(desktop, policy, value):
    assert windows.parse_screen_lock(desktop, policy).value is value


@pytest.mark.parametrize(
    ("values", "value"),
    [(("0x1", "0x1", "0x1"), True), (("0x1", "0x0", "0x1"), False), ((), None)],
)
def test_the_firewall_is_on_for_every_network(values, value):
    names = ("Domain", "Public", "Standard")
    text = "".join(PROFILE.format(name=n, value=v) for n, v in zip(names, values, strict=False))
    assert windows.parse_firewall(text).value is value


def test_updates():
    assert windows.parse_hotfixes("2026-10-01\r\n2026-11-01\r\n2026-09-05\r\n", TODAY).value == 20
    assert windows.parse_hotfixes("nonsense", TODAY).value is None


def test_elsewhere_nothing_is_known_and_nothing_fails():
    assert {probe().value for probe in windows.PROBES.values()} == {None}
