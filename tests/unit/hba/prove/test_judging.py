import pytest

from pgward.hba.login.outcome import Encryption, Outcome, Seen
from pgward.hba.prove import judging
from pgward.hba.prove.expecting import Expected, Says
from pgward.hba.prove.judging import Report, Status
from pgward.hba.prove.paths import Path, Untried
from tests.unit.hba.prove.test_paths import LOOPBACK, SOCKET

IN, OUT = Seen(Outcome.IN), Seen(Outcome.REFUSED, "no entry", "28000")


def row(wanted, files, seen, place=LOOPBACK, *, has_plan=True):
    path = Path(place, Encryption.TLS, "no certificate", "r", "its own role", "postgres")
    expected = Expected(Says(wanted), Says(files, "pg_hba.conf:3: let in"))
    return judging.tried(path, expected, seen, has_plan=has_plan)


@pytest.mark.parametrize(
    ("wanted", "files", "seen", "status"),
    [
        (True, True, IN, Status.OK),
        (False, False, OUT, Status.OK),
        (False, True, IN, Status.DIFFERS),  # a hole in the files
        (False, False, IN, Status.DIFFERS),  # the server has other files
        (False, True, OUT, Status.DIFFERS),  # the server has not read them yet
        (True, False, OUT, Status.DIFFERS),  # nobody gets in
        (None, False, IN, Status.DIFFERS),
        (None, None, OUT, Status.OK),
        (False, None, OUT, Status.OK),
        (None, True, IN, Status.OPEN),
        (True, True, Seen(Outcome.AUTHENTICATED, "", "3D000"), Status.OK),
        (False, False, Seen(Outcome.TLS_REFUSED), Status.OK),
        (False, False, Seen(Outcome.ASKED), Status.OK),
        (False, False, Seen(Outcome.BROKEN), Status.DIFFERS),  # silence shows nothing
        (False, False, Seen(Outcome.NOT_TRIED), Status.NOT_TRIED),
    ],
)
def test_a_row(wanted, files, seen, status) -> None:
    assert row(wanted, files, seen).status is status


def test_what_is_open() -> None:
    assert row(None, True, IN, SOCKET).status is Status.OK
    assert row(None, True, IN, has_plan=False).status is Status.OK


def test_a_row_in_words() -> None:
    found = row(False, True, Seen(Outcome.REFUSED, "no entry", "28000")).to_json()
    assert found == {
        "address": "127.0.0.1",
        "encryption": "TLS",
        "role": "its own role",
        "database": "postgres",
        "shown": "no certificate",
        "wanted": "out",
        "files": "in",
        "seen": "refused",
        "sqlstate": "28000",
        "status": "differs",
        "why": "28000 no entry; pg_hba.conf:3: let in",
    }


def test_when_a_report_fails() -> None:
    ok, differs, is_open = row(True, True, IN), row(True, True, OUT), row(None, True, IN)
    left = judging.not_tried(Untried("certificate of ann", "no certificate", "app"))
    assert left.role == "app"
    for rows, plain, strict in (
        ([ok], False, False),
        ([ok, differs], True, True),
        ([ok, left], False, True),
        ([ok, is_open], False, True),
        ([judging.found("x", wanted="out", files="in", why="y")], True, True),
    ):
        report = Report(16, rows)
        assert (report.fails(strict=False), report.fails(strict=True)) == (plain, strict)
    told = Report(16, [ok, left, left], ["n"]).to_json()
    assert told["counts"] == {"ok": 1, "differs": 0, "open": 0, "not tried": 2}
    assert (told["version"], told["notes"], len(told["rows"])) == (16, ["n"], 3)


@pytest.mark.parametrize(
    ("ours", "asked", "seen", "status"),
    [
        ((b"a",), (b"a",), "CN=a", Status.OK),
        ((), (b"a",), "CN=a", Status.OK),
        ((b"b",), (b"a",), "CN=a", Status.DIFFERS),
        ((b"a",), (b"a", b"x"), "CN=a; 1 that ssl_ca_file does not have", Status.DIFFERS),
        ((b"a",), (), "none", Status.DIFFERS),
    ],
)
def test_the_cas_that_a_server_asks_for(ours, asked, seen, status) -> None:
    found = judging.authorities("::1", {"CN=a": b"a"}, ours=ours, asked=asked)
    assert (found.seen, found.status, found.files) == (seen, status, "CN=a")
    assert bool(found.why) is (seen != "CN=a")
