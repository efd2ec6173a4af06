import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pgward.system.posture import linux
from pgward.system.posture.facts import Fact
from pgward.system.posture.runner import Output

DEBIAN = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
# a comment
HOME_URL="https://example.org/"
"""
APT = """\
Start-Date: 2026-11-02  06:12:01
Commandline: /usr/bin/unattended-upgrade
Upgrade: openssl:amd64 (3.0.16-1, 3.0.17-1)
End-Date: 2026-11-02  06:12:09

Start-Date: 2026-11-20  10:00:00
Commandline: apt-get install slapd
Install: slapd:amd64 (2.5.13+dfsg-5)
End-Date: 2026-11-20  10:00:04
"""
PACMAN = """\
[2026-10-01T10:00:00+0000] [ALPM] upgraded openssl (3.0-1 -> 3.1-1)
[2026-11-03T10:00:00+0000] [ALPM] upgraded linux (6.1-1 -> 6.2-1)
[2026-11-09T10:00:00+0000] [ALPM] installed nano (8-1)
"""
NFT = """\
table inet filter {{
	chain input {{
		type filter hook input priority filter; policy {policy};
		ip saddr {{ 10.0.0.0/8 }} accept
	}}
	chain forward {{
		type filter hook forward priority filter; policy drop;
	}}
}}
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DEBIAN, ("Debian GNU/Linux 12 (bookworm)", "12")),
        ("NAME='Arch Linux'\nBUILD_ID=rolling\n", ("Arch Linux", "rolling")),
        ('NAME="broken\n', ("broken", "")),
        ("", ("Linux", "")),
    ],
)
def test_the_distribution(text, found):
    assert linux.parse_os_release(text) == found


def block_device(sys: Path, name: str, uuid: str | None = None, on: tuple[str, ...] = ()) -> Path:
    node = sys / name
    (node / "slaves").mkdir(parents=True)
    if uuid is not None:
        (node / "dm").mkdir()
        (node / "dm/uuid").write_text(uuid + "\n")
    for each in on:
        (node / "slaves" / each).symlink_to(sys / each)
    return node


def test_a_volume_on_luks_is_encrypted_however_many_layers_there_are(tmp_path):
    block_device(tmp_path, "sda1")
    block_device(tmp_path, "crypt", "CRYPT-LUKS2-0123-sda1_crypt", ("sda1",))
    home = block_device(tmp_path, "home", "LVM-abc", ("crypt",))
    assert linux.on_crypt(home) is True


def test_a_volume_of_which_a_part_is_not_encrypted_is_not(tmp_path):
    block_device(tmp_path, "sda1")
    block_device(tmp_path, "crypt", "CRYPT-PLAIN-x", ("sda1",))
    home = block_device(tmp_path, "home", "LVM-abc", ("crypt", "sda1"))
    assert linux.on_crypt(home) is False
    assert linux.on_crypt(tmp_path / "sda1") is False


def test_devices_that_cannot_be_seen_or_go_round_are_unknown(tmp_path):
    assert linux.on_crypt(tmp_path / "absent") is None
    home = block_device(tmp_path, "home", "LVM-abc")
    (home / "slaves/home").symlink_to(home)
    assert linux.on_crypt(home) is None


@pytest.mark.parametrize(
    ("enabled", "delay", "value"),
    [
        ("true\n", "uint32 300\n", True),
        ("true\n", "uint32 0\n", False),
        ("false\n", "uint32 300\n", False),
        ("true\n", "", True),
        ("No such schema “org.gnome.desktop.screensaver”\n", "", None),
        ("", "", None),
    ],
)
def test_the_screen_lock_of_gnome(enabled, delay, value):
    assert linux.parse_gsettings(enabled, delay).value is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", True),
        ("[Daemon]\nAutolock=false\nTimeout=10\n", False),
        ("[Daemon]\nTimeout=10\n", True),
        ("Autolock=false", None),
        ("[Daemon]\nAutolock=perhaps\n", None),
    ],
)
def test_the_screen_lock_of_kde(text, value):
    assert linux.parse_kde(text).value is value


def test_without_a_desktop_no_screen_is_locked(monkeypatch):
    monkeypatch.delenv("XDG_CURRENT_DESKTOP", raising=False)
    assert linux.screen_lock() == Fact(None, "no desktop runs here")


@pytest.mark.parametrize(
    ("states", "fact"),
    [
        (
            "inactive\nactive\ninactive\ninactive\n",
            Fact(True, "systemctl: firewalld is active"),
        ),
        (
            "inactive\nunknown\ninactive\ninactive\n",
            Fact(False, "systemctl: none of ufw, firewalld, nftables, iptables is active"),
        ),
        ("Failed to connect to bus", Fact(None, "systemctl does not say")),
        ("", Fact(None, "systemctl does not say")),
    ],
)
def test_firewalls_that_run(states, fact):
    assert linux.parse_is_active(states) == fact


@pytest.mark.parametrize(("policy", "filters"), [("drop", True), ("accept", False)])
def test_rules_of_nftables(policy, filters):
    assert linux.nft_filters(NFT.format(policy=policy)) is filters


def test_a_firewall_by_its_own_configuration(monkeypatch, tmp_path):
    (tmp_path / "ufw").mkdir()
    (tmp_path / "ufw/ufw.conf").write_text("# ENABLED=no\nENABLED=yes\nLOGLEVEL=low\n")
    monkeypatch.setattr(linux, "_ETC", tmp_path)
    assert linux.firewall() == Fact(True, "ENABLED=yes in ufw.conf")


def test_a_firewall_as_root_sees_it(monkeypatch, tmp_path):
    monkeypatch.setattr(linux, "_ETC", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(linux, "run", lambda _: Output(NFT.format(policy="drop"), 0))
    assert linux.firewall() == Fact(True, "nft list ruleset")


def test_installing_is_no_update():
    assert linux.parse_apt_history(APT) == date(2026, 11, 2)
    assert linux.parse_pacman_log(PACMAN) == date(2026, 11, 3)
    assert linux.parse_apt_history("") is None
    assert linux.parse_pacman_log("[2026-99-01T1] [ALPM] upgraded x") is None


def test_the_age_of_updates(monkeypatch, tmp_path):
    monkeypatch.setattr(linux, "_VAR", tmp_path)
    assert linux.updates_age_days() == Fact(None, "the last change of packages")
    status = tmp_path / "lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.touch()
    assert linux.updates_age_days() == Fact(0, "the last change of packages")
    (tmp_path / "log/apt").mkdir(parents=True)
    (tmp_path / "log/apt/history.log").write_text(APT.replace("2026-11-02", "2020-01-01"))
    days = (datetime.now(UTC).date() - date(2020, 1, 1)).days
    assert linux.updates_age_days() == Fact(days, "the package manager's log")


def test_this_machine_answers_something():
    assert all(isinstance(probe(), Fact) for probe in linux.PROBES.values())
