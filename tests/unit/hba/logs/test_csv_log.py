from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.logs.csv_log import CsvReader
from pgward.hba.logs.record import MAX_RECORD

LINE = (
    '2026-11-22 04:00:09.358 UTC,{user},"shop",6316,"{where}",6b0268c9.18ac,3,"startup",'
    '2026-11-22 04:00:09 UTC,18/1,0,FATAL,28000,{message},{detail},,,,,,,,""{more}\n'
)


def line(user='"bob"', where="10.0.0.9:77", message='"no entry"', detail="", more="") -> bytes:
    return LINE.format(user=user, where=where, message=message, detail=detail, more=more).encode()


LOG = (
    line(more=',"client backend",,0')
    + line('"x\ny FATAL"', message='"role ""x\ny"" does not exist"', detail='"one\ntwo"')
    + b'2026-11-22 04:00:09.358 UTC,,,1,,1.1,1,,,,0,LOG,00000,"statement: ""\n"",",,,,,,,,,""\n'
    + b"half a line, FATAL\n"
    + line("", where="[local]")
)


def read(data, size=None):
    reader = CsvReader()
    size = size or len(data) or 1
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [each for piece in pieces for each in reader.feed(piece)]


def test_records_with_line_breaks_in_them():
    found = [each for each in read(LOG) if each.severity == "FATAL"]
    assert [(each.user, each.host, each.port, each.message, each.detail) for each in found] == [
        ("bob", "10.0.0.9", 77, "no entry", ""),
        ("x\ny FATAL", "10.0.0.9", 77, 'role "x\ny" does not exist', "one\ntwo"),
        (None, "[local]", None, "no entry", ""),
    ]
    first = found[0]
    assert (first.session, first.pid, first.sqlstate, first.doubtful) == (
        *("6b0268c9.18ac", 6316, "28000"),
        False,
    )
    assert [LOG[each.offset :][:4] for each in found] == [b"2026"] * 3


def test_what_a_statement_wrote_is_no_message_of_the_server():
    made = line(message='"connection authorized: user=root"', more="").replace(b"FATAL", b"LOG")
    for column in (18, 19):
        parts = made.split(b",")
        parts[column] = b'"do"'
        assert read(b",".join(parts)) == []
    assert len(read(made)) == 1


def test_addresses_of_version_6():
    assert [(each.host, each.port) for each in read(line(where="fd00::1:77"))] == [("fd00::1", 77)]


@given(st.integers(1, 60))
def test_in_pieces_it_is_the_same(size):
    assert read(LOG, size) == read(LOG)


def test_a_reader_goes_on_from_its_position():
    for cut in range(0, len(LOG), 23):
        reader = CsvReader()
        first = reader.feed(LOG[:cut])
        rest = CsvReader(reader.position).feed(LOG[reader.position :])
        assert first + rest == read(LOG), cut


def test_endless_records_take_no_memory():
    reader = CsvReader()
    reader.feed(b'2026,"')
    for _ in range(20):
        assert reader.feed(b'x""\n' * (MAX_RECORD // 8)) == []
    assert len(reader._rest) + sum(map(len, reader._lines)) <= 2 * MAX_RECORD
    found = reader.feed(b'"\n' + line())
    assert [each.user for each in found] == ["bob"]


@given(st.binary(max_size=300), st.integers(1, 20))
def test_any_bytes_are_read(data, size):
    assert read(data, size) == read(data)


def test_a_record_that_was_cut_off_hides_no_login_for_ever():
    torn = line()[:30]  # a quote stays open, as on a full disk
    assert torn.count(b'"') % 2
    filler = line(user='"other"', message='"x"') * (MAX_RECORD // 100)
    found = read(torn + filler + line(user='"ann"'), 5000)
    assert found[-1].user == "ann"
    assert all(each.doubtful for each in found)
    assert (torn + filler + line(user='"ann"'))[found[-1].offset :] == line(user='"ann"')
