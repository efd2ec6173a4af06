import pytest

from pgward.core.errors import LoginNeededError, UnavailableError
from pgward.portal.pages.audit import exports

FIELDS = ("name", "number")


@pytest.fixture(autouse=True)
def _signed_in(monkeypatch):
    monkeypatch.setattr(exports, "_see_that_they_are_signed_in", lambda _frame: None)


def written(form, *pages, first=()):
    rows = exports._bounded(None, first, iter(pages))
    lines = exports._csv(FIELDS, rows) if form == "csv" else exports._json(rows)
    return b"".join(exports._gathered(iter(lines), "|"))


def row(number):
    return {"name": f"=n{number}", "number": number, "more": {"é": [1]}}


def test_lines_of_csv_have_the_fields_and_run_nothing():
    assert written("csv", [row(2)], first=[row(1)]) == b"name,number|'=n1,1|'=n2,2|"


def test_what_is_no_cell_is_written_as_json():
    assert exports._cell({"é": [1]}) == '{"é": [1]}'


def test_lines_of_json_have_all():
    found = written("jsonl", first=[row(1)])
    assert found == '{"name": "=n1", "number": 1, "more": {"é": [1]}}|'.encode()


@pytest.mark.parametrize(
    ("form", "end"), [("csv", b"\xe2\x80\xa6 there is more|"), ("jsonl", b'more"}|')]
)
def test_the_last_line_says_that_there_is_more(monkeypatch, form, end):
    monkeypatch.setattr(exports, "MOST", 1)
    found = written(form, first=[row(1), row(2)])
    assert found.endswith(end)
    assert b"n2" not in found


def test_a_file_ends_with_the_login(monkeypatch):
    def gone(_frame):
        raise LoginNeededError

    monkeypatch.setattr(exports, "_see_that_they_are_signed_in", gone)
    assert "signed out" in written("csv", [row(2)], first=[row(1)]).decode()


def test_a_file_says_when_the_rest_cannot_be_read():
    def pages():
        raise UnavailableError("the archive is away")
        yield

    rows = list(exports._bounded(None, [row(1)], pages()))
    assert rows == [row(1), "… the rest could not be read: the archive is away"]


def test_many_lines_are_written_in_some_pieces(monkeypatch):
    monkeypatch.setattr(exports, "_AT_ONCE", 2)
    assert list(exports._gathered(iter("abcd"), "\n")) == [b"a\nb\n", b"c\nd\n"]
