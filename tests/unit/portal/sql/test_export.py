import asyncio
import csv
import io

import pytest

from pgward.core.errors import ConflictError
from pgward.pgwire import backend
from pgward.pgwire.backend import Column
from pgward.portal.sql import export
from pgward.portal.sql.dialogue import Dialogue
from pgward.portal.sql.export import Export
from pgward.portal.sql.splitting import Statement
from tests.fixtures.fake_link import BEGUN, READY, SUSPENDED, FakeLink, answer, rows

COLUMNS = [Column("n", 23), Column('a "name"')]


def written(*replies: bytes) -> tuple[Export, str]:
    """Return what a file says; the dialogue can be used afterwards."""

    async def main() -> tuple[Export, str]:
        async def cancel(_key: tuple[int, bytes]) -> None:
            return

        talk = await Dialogue.open(FakeLink(*replies), {"user": "alice"}, cancel)
        made = Export.of(Statement("select", 0))
        text = "".join([each async for each in made.lines(talk)])
        await talk.finish()
        await talk.close()
        return made, text

    return asyncio.run(main())


def two(*values: bytes | None) -> bytes:
    pairs = zip(values[::2], values[1::2], strict=True)
    return b"".join(backend.data_row(pair) for pair in pairs)


def test_a_file_is_what_a_spreadsheet_reads_and_does_not_run():
    data = two(
        *(b"1", b"plain", b"-2", b"=1+1", b"3", None, b"4", b""),
        *(b"5", b'say "x",\nand y', b"6", " \uff1d1".encode(), b"7", b" padded "),
    )
    made, text = written(
        BEGUN + backend.row_description(COLUMNS) + data + backend.command_complete("SELECT 7"),
        READY,
    )
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["n", 'a "name"'],
        ["1", "plain"],
        ["-2", "'=1+1"],
        ["3", ""],
        ["4", ""],
        ["5", 'say "x",\nand y'],
        ["6", "' \uff1d1"],
        ["7", " padded "],
    ]
    assert text.splitlines()[3:5] == ["3,", '4,""']
    assert (made.rows, made.size, made.cut) == (7, len(text.encode()), "")


def test_a_number_is_none_only_because_of_its_column():
    (line,) = [export._cell(export.Value(b"=x", 2), 23)]
    assert line == "'=x"


def test_rows_come_a_thousand_at_a_time():
    columns = BEGUN + backend.row_description(COLUMNS[:1])
    made, text = written(
        columns + rows(1, 2) + SUSPENDED, rows(3) + backend.command_complete("SELECT 1"), READY
    )
    assert text == "n\r\n1\r\n2\r\n3\r\n"
    assert made.rows == 3


def test_an_empty_answer_is_a_heading():
    assert written(answer(), READY)[1] == "n\r\n"


@pytest.mark.parametrize(
    "said",
    [
        BEGUN + backend.command_complete("CREATE TABLE"),
        backend.error("ERROR", "42601", "no"),
    ],
)
def test_where_there_is_no_answer_there_is_no_file(said):
    with pytest.raises(ConflictError, match="no answer to save"):
        written(said, READY)


def test_a_file_that_is_not_all_says_so(monkeypatch):
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    made, text = written(answer(1, 2, 3), READY)
    assert text == "n\r\n1\r\n2\r\ncut off: 2 rows are the most\r\n"
    assert (made.rows, made.cut) == (2, "2 rows are the most")
    monkeypatch.setattr(export, "MOST_ROWS", 100)
    monkeypatch.setattr(export, "_MOST_VALUE", 3)
    assert "cut off: more than 64 MiB" in written(answer(1, 22222), READY)[1]
    failed = BEGUN + backend.row_description(COLUMNS[:1]) + rows(1)
    text = written(failed + backend.error("ERROR", "22012", "division by zero"), READY)[1]
    assert text == "n\r\n1\r\ncut off: division by zero\r\n"


def test_large_answers_are_given_in_pieces(monkeypatch):
    monkeypatch.setattr(export, "_CHUNK_BYTES", 10)
    assert written(answer(*range(100)), READY)[1].count("\r\n") == 101
