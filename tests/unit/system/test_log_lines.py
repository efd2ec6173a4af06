import logging

import pytest

from pgward.system import log_lines
from pgward.system.log_lines import OwnLines


@pytest.fixture
def written():
    """Returns what a record is written as."""

    def write(message, *values, error=None):
        info = None if error is None else (type(error), error, None)
        record = logging.LogRecord("pgward.hba", logging.ERROR, "", 1, message, values, info)
        return OwnLines("%(name)s: %(message)s").format(record)

    return write


def test_a_name_with_a_line_break_begins_no_line(written):
    forged = "x\npgward.hba: ALARM: all is lost\r\x1b[2J"
    assert written("session %d of %s is gone", 7, forged) == (
        "pgward.hba: session 7 of x\n    pgward.hba: ALARM: all is lost\\r\\x1b[2J is gone"
    )


def test_nor_does_an_error_of_anyones_words(written):
    error = ValueError("x\npgward.hba: forged")
    assert written("failed", error=error).splitlines() == [
        "pgward.hba: failed",
        "    ValueError: x",
        "    pgward.hba: forged",
    ]


def test_it_goes_to_standard_error(monkeypatch):
    made = {}
    monkeypatch.setattr(logging, "basicConfig", lambda **given: made.update(given))
    log_lines.set_up("info")
    assert made["level"] == "INFO"
    assert isinstance(made["handlers"][0].formatter, OwnLines)


@pytest.mark.parametrize("library", ["asyncssh", "httpx2"])
def test_libraries_do_not_tell_of_each_request(monkeypatch, library):
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    log_lines.set_up("debug")
    assert not logging.getLogger(library).isEnabledFor(logging.INFO)
