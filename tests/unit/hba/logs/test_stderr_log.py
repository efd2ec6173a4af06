from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.logs.prefix import compile_prefix
from pgward.hba.logs.record import MAX_RECORD
from pgward.hba.logs.stderr_log import StderrReader

PREFIX = "%m [%p] %q%u@%d "
LOG = b"""\
2026-11-22 04:00:09.316 UTC [1] LOG:  checkpoint starting: time
2026-11-22 04:00:09.316 UTC [6314] [unknown]@[unknown] LOG:  connection received: host=::1 port=5
2026-11-22 04:00:09.358 UTC [6314] bob@shop FATAL:  password authentication failed for user "bob"
2026-11-22 04:00:09.358 UTC [6314] bob@shop DETAIL:  User "bob" has
\tno password.
2026-11-22 04:00:09.359 UTC [6315] bob@shop LOG:  statement: select 'connection
\tFATAL: received'
2026-11-22 04:00:09.360 UTC [6316] ann@shop FATAL:  role "a
\tb" does not exist
2026-11-22 04:00:09.361 UTC [6317] ann@shop STATEMENT:  select connection
"""


def read(data, size=None, prefix=PREFIX):
    reader = StderrReader(compile_prefix(prefix))
    size = size or len(data) or 1
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = [each for piece in pieces for each in reader.feed(piece)]
    return [*found, *reader.flush()]


def test_messages_with_their_details():
    found = [each for each in read(LOG) if each.severity != "LOG" or "received:" in each.message]
    assert [(each.pid, each.user, each.message, each.detail) for each in found] == [
        (6314, None, "connection received: host=::1 port=5", ""),
        (
            6314,
            "bob",
            'password authentication failed for user "bob"',
            'User "bob" has\nno password.',
        ),
        (6316, "ann", 'role "a\nb" does not exist', ""),
    ]
    assert [LOG[each.offset :][:4] for each in found] == [b"2026"] * 3
    assert not any(each.doubtful for each in found)


@given(st.integers(1, 60))
def test_in_pieces_it_is_the_same(size):
    assert read(LOG, size) == read(LOG)


def test_a_reader_goes_on_from_its_position():
    whole = read(LOG)
    for cut in range(0, len(LOG), 37):
        reader = StderrReader(compile_prefix(PREFIX))
        first = reader.feed(LOG[:cut])
        later = StderrReader(compile_prefix(PREFIX), reader.position)
        rest = [*later.feed(LOG[reader.position :]), *later.flush()]
        assert first + rest == whole, cut


def test_what_follows_a_torn_line_is_doubtful():
    torn = (
        b"2026-11-22 04:00:09.316 UTC [5] x\n"
        b"2026-11-22 04:00:09.317 UTC [1] root@prod LOG:  connection authorized: user=root@db "
        b'FATAL:  no pg_hba.conf entry for host "::1"\n'
    )
    torn_line, forged = read(torn)
    assert (torn_line.message, torn_line.doubtful, forged.doubtful) == ("", True, True)
    filler = b"2026-11-22 04:00:09.316 UTC [1] LOG:  checkpoint starting: time\n" * 200
    after = b"2026-11-22 04:00:09.358 UTC [7] ann@shop LOG:  connection authorized: user=ann\n"
    assert [each.doubtful for each in read(torn + after)[1:]] == [True, True]
    assert [each.doubtful for each in read(torn + filler + after)[1:]] == [True, False]


def test_what_others_write_is_no_lie_where_no_name_stands_in_the_prefix():
    login = b"2026-11-22 04:00:09.358 UTC [7] LOG:  connection authorized: user=ann\n"
    noise = b"cp: cannot stat 'x': No such file or directory\n"
    found = read(login + noise + login, prefix="%m [%p] ")
    assert [(each.doubtful, each.forgeable) for each in found] == [(False, False)] * 2
    assert all(each.forgeable for each in read(login, prefix="%m [%p] %q%u"))


def test_endless_lines_take_no_memory():
    reader = StderrReader(compile_prefix("%p "))
    for _ in range(20):
        assert reader.feed(b"x" * MAX_RECORD) == []
    assert len(reader._rest) <= MAX_RECORD
    assert [each.message for each in reader.feed(b"\n5 FATAL:  x\n5 LOG:  y\n")] == ["x"]


def test_what_a_statement_wrote_is_no_message_of_the_server():
    head = b"2026-11-22 04:00:09.358 UTC [7] ann@shop "
    said = head + b"LOG:  connection authorized: user=root database=prod\n"
    for part in (b"CONTEXT:  PL/pgSQL function x line 1 at RAISE\n", b"STATEMENT:  do\n"):
        assert read(said + head + part) == []
    fatal = head + b"FATAL:  terminating connection due to administrator command\n"
    assert len(read(fatal + head + b"STATEMENT:  select 1\n")) == 1


def test_addresses_times_and_codes_of_other_prefixes():
    (one,) = read(
        b"6b0268c9.18a8 1795320009.277 28000 10.0.0.9(77) FATAL:  x\n", None, "%c %n %e %r "
    )
    assert (one.session, one.pid, one.sqlstate, one.host, one.port) == (
        *("6b0268c9.18a8", 6312, "28000", "10.0.0.9"),
        77,
    )
    assert one.time.isoformat() == "2026-11-22T04:00:09.277000+00:00"
    (two,) = read(b"[local] FATAL:  28P01: x\r\n", None, "%h ")
    assert (two.host, two.sqlstate, two.session, two.message) == ("[local]", "28P01", None, "x")


@given(st.binary(max_size=300), st.integers(1, 20))
def test_any_bytes_are_read(data, size):
    assert read(data, size) == read(data)
