import pytest

from pgward.hba.login.outcome import Encryption, Outcome, Seen
from pgward.hba.prove import judging, words
from pgward.hba.prove.expecting import Expected, Says
from pgward.hba.prove.judging import Row
from pgward.hba.prove.paths import Path, Untried
from tests.unit.hba.prove.test_paths import LOOPBACK


def row(wanted, files, seen: Seen) -> Row:
    path = Path(LOOPBACK, Encryption.TLS, "no certificate", "r", "its own role", "postgres")
    expected = Expected(Says(wanted), Says(files, "pg_hba.conf:3: let in"))
    return judging.tried(path, expected, seen, has_plan=True)


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (Outcome.IN, "", "let in"),
        (Outcome.AUTHENTICATED, "42501", "let in, no permission"),
        (Outcome.AUTHENTICATED, "3D000", "let in, no such database"),
        (Outcome.AUTHENTICATED, "53300", "let in, too many connections"),
        (Outcome.AUTHENTICATED, "XX000", "let in, then an error"),
        (Outcome.REFUSED, "28000", "refused"),
        (Outcome.REFUSED, "28P01", "refused, wrong password"),
        (Outcome.NO_TLS, "", "no TLS"),
    ],
)
def test_what_was_seen(outcome, code, said) -> None:
    found = row(False, False, Seen(outcome, "its words", code))
    assert words.seen(found) == said
    assert (found.to_json()["seen"], found.to_json()["sqlstate"]) == (outcome.value, code or None)
    assert code in found.why


def test_what_nobody_says() -> None:
    open_ = row(None, None, Seen(Outcome.AUTHENTICATED, "no right", "42501"))
    shown = words.cells(open_)
    assert (shown["wanted"], shown["files"]) == ("not said", "cannot tell")
    assert (open_.to_json()["wanted"], open_.to_json()["files"]) == (None, None)
    left = words.cells(judging.not_tried(Untried("from 10.0.0.0/8", "no address")))
    assert (left["wanted"], left["files"], left["seen"]) == (None, None, "not tried")


def test_the_legend_has_what_was_used_and_no_more() -> None:
    assert list(words.legend([])) == []
    assert list(words.legend([row(True, True, Seen(Outcome.IN))])) == []
    open_ = row(None, True, Seen(Outcome.AUTHENTICATED, "no right", "42501"))
    said = list(words.legend([open_]))
    assert [each.partition(":")[0] for each in said] == ["not said", "let in, …", "open"]
    assert words.named(open_) == (
        "open: 127.0.0.1, TLS, no certificate, its own role: 42501 no right; pg_hba.conf:3: let in"
    )
    differs = row(False, True, Seen(Outcome.IN))
    left = judging.not_tried(Untried("from 10.0.0.0/8", "no address"))
    assert [each[:9] for each in words.legend([differs, left])] == ["where WAN", "not tried"]
