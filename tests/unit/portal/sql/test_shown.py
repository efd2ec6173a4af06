import pytest

from pgward.pgwire.backend import Column
from pgward.portal.sql.dialogue import Answer
from pgward.portal.sql.reader import NULL, UNKEPT, Value
from pgward.portal.sql.shown import Cell, Head, shown, whole
from pgward.portal.sql.splitting import Statement, split


def made(**changes) -> Answer:
    found = Answer(Statement("select 1", 0), columns=(Column("n", 23), Column("t")))
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def test_values_as_they_are_read():
    rows = [(Value(b"7", 1), Value("ä\0".encode(), 3)), (NULL, Value(b"long", 4000)), (UNKEPT,) * 2]
    found = shown(made(rows=rows, seconds=0.0123), "select 1")
    assert found.columns == (
        Head("n", "integer", is_number=True),
        Head("t", "text", is_number=False),
    )
    assert found.rows[0] == (Cell("7"), Cell("ä\ufffd"))
    assert found.rows[1] == (Cell("", is_null=True), Cell("long", cut="4,000 bytes in all"))
    assert "too much" in found.rows[2][0].cut
    assert (found.count, found.milliseconds) == ("3 rows", "12 ms")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": [(NULL,)], "tag": "SELECT 1"}, "1 row"),
        ({"rows": [], "tag": "SELECT 0"}, "0 rows"),
        ({"rows": [(NULL,)], "tag": "INSERT 0 1"}, "INSERT 0 1, 1 row"),
        ({"rows": [(NULL,)] * 200, "more": True}, "rows 1 to 200"),
        ({"rows": [(NULL,)] * 50, "first": 1201}, "rows 1,201 to 1,250"),
        ({"rows": [], "first": 201}, "no more rows"),
        ({"columns": None, "tag": "CREATE TABLE"}, "CREATE TABLE"),
        ({"columns": None, "tag": ""}, "done"),
        ({"error": {"M": "no"}}, "failed"),
        ({"refused": "no", "tag": "COPY 5", "columns": None}, "refused"),
    ],
)
def test_how_much_came(changes, words):
    assert shown(made(**changes), "").count == words


@pytest.mark.parametrize(
    ("position", "line", "pointed"),
    [
        ("1", 3, "select *\n^"),
        ("8", 3, "select *\n       ^"),
        ("10", 4, "\tform x".replace("\t", " ") + "\n^"),
        ("11", 4, " form x\n ^"),
        ("17", 4, " form x\n       ^"),
        ("99", None, ""),
        ("x", None, ""),
        ("²", None, ""),
    ],
)
def test_an_error_is_pointed_at(position, line, pointed):
    text = "select 'ä';\n\nselect *\n\tform x"
    failed = Answer(split(text)[1], error={"V": "ERROR", "C": "42601", "M": "no", "P": position})
    (found,) = whole([failed], text)
    assert found.error is not None
    assert (found.error.line, found.error.pointed) == (line, pointed)
    assert (found.error.severity, found.error.code, found.error.text) == ("ERROR", "42601", "no")


def test_a_long_line_is_cut_around_what_is_wrong():
    text = "x" * 500
    failed = Answer(Statement(text, 0), error={"M": "no", "P": "300"})
    error = shown(failed, text).error
    assert error is not None
    line, mark = error.pointed.split("\n")
    assert line == "…" + "x" * 120 + "…"
    assert mark.index("^") == 61


def test_long_words_are_cut():
    found = shown(
        made(statement=Statement("select\n  " + "x" * 500, 0), notices=[{"M": "y" * 9000}]), ""
    )
    assert found.heading == "select " + "x" * 113 + "…"
    assert len(found.notices[0].text) == 4001
