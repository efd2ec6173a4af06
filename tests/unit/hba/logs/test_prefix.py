import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.hba.logs.prefix import compile_prefix

VALUES = {
    "a": "psql",
    "u": "ann",
    "d": "shop",
    "r": "10.0.0.9(5432)",
    "h": "10.0.0.9",
    "L": "10.0.0.1",
    "b": "client backend",
    "p": "4711",
    "P": "",
    "t": "2026-11-22 04:00:09 UTC",
    "m": "2026-11-22 04:00:09.277 UTC",
    "n": "1795320009.277",
    "i": "authentication",
    "e": "28000",
    "c": "6b0268c9.18a8",
    "l": "3",
    "s": "2026-11-22 04:00:09 UTC",
    "v": "3/28",
    "x": "0",
    "Q": "-5",
    "%": "%",
    "q": "",
    "Z": "",  # PostgreSQL writes nothing for what it does not know
}
NAMES = {
    "u": "user",
    "d": "database",
    "r": "remote",
    "h": "host",
    "p": "pid",
    "t": "time",
    "m": "time",
    "n": "epoch",
    "e": "sqlstate",
    "c": "session",
}


def written(pieces) -> str:
    """The prefix as PostgreSQL writes it (log_status_format in elog.c)."""
    return "".join(
        piece if not piece.startswith("%") else _padded(VALUES[piece[-1]], piece[1:-1], piece[-1])
        for piece in pieces
    )


def _padded(value: str, width: str, escape: str) -> str:
    if not width or escape in "%qZ":
        return value
    number = int(width)
    return value.ljust(-number) if number < 0 else value.rjust(number)


escapes = st.tuples(
    st.sampled_from(["", "", "6", "-6", "30", "-30"]), st.sampled_from(sorted(VALUES))
).map(lambda pair: f"%{pair[0] if pair[1] not in '%qZ' else ''}{pair[1]}")
literals = st.sampled_from([" ", "[", "]", "@", ": ", ",", "(", "app=", " | "])


@given(st.lists(st.tuples(escapes, literals), min_size=1, max_size=8))
def test_each_prefix_reads_what_it_writes(pairs):
    pieces = [each for pair in pairs for each in pair]
    prefix = compile_prefix("".join(pieces))
    line = f"{written(pieces)}FATAL:  role does not exist"
    found = prefix.read(line)
    assert found is not None, (prefix, line)
    assert (found["severity"], found["message"]) == ("FATAL", "role does not exist")


@pytest.mark.parametrize("escape", sorted(NAMES))
@pytest.mark.parametrize("shape", ["%{}: ", "%-20{}: ", "%20{}: "])
def test_each_part_is_found(escape, shape):
    text = shape.replace("{}", escape)
    line = written(re.findall(r"%-?\d*.|[^%]+", text)) + "LOG:  x"
    assert compile_prefix(text).read(line)[NAMES[escape]] == VALUES[escape]


def test_other_processes_stop_at_q():
    prefix = compile_prefix("%m [%p] %q%u@%d ")
    line = "2026-11-22 04:00:09.277 UTC [1] LOG:  checkpoint complete"
    assert prefix.read(line)["message"] == "checkpoint complete"
    line = "2026-11-22 04:00:09.277 UTC [1] ann@shop LOG:  x"
    assert (prefix.read(line)["user"], prefix.read(line)["database"]) == ("ann", "shop")


def test_codes_of_a_verbose_log():
    found = compile_prefix("%p ").read("5 FATAL:  28000: no pg_hba.conf entry")
    assert (found["verbose"], found["message"]) == ("28000", "no pg_hba.conf entry")


def test_other_lines_are_none():
    prefix = compile_prefix("%m [%p] ")
    assert prefix.read("sh: 1: archive: not found") is None
    assert prefix.read("2026-11-22 04:00:09.277 UTC [x] LOG:  x") is None


def test_what_is_told_of_a_prefix():
    facts = {
        text: (prefix.joins, prefix.has_time, prefix.forgeable)
        for text in ("", "%m [%p] ", "%t %c ", "%n %u")
        for prefix in [compile_prefix(text)]
    }
    assert facts == {
        "": (False, False, False),
        "%m [%p] ": (True, True, False),
        "%t %c ": (True, True, False),
        "%n %u": (False, True, True),
    }


def test_a_name_like_the_rest_of_a_line_is_ambiguous():
    prefix = compile_prefix("%p %u@%d ")
    assert not prefix.is_ambiguous("5 ann@shop LOG:  connection authorized: user=ann")
    forged = "5 a@b LOG:  connection authorized: user=root@db FATAL:  no pg_hba.conf entry"
    assert prefix.is_ambiguous(forged)
    assert not compile_prefix("%p ").is_ambiguous("5 LOG:  x FATAL:  y")


def test_one_too_long_is_refused():
    with pytest.raises(InvalidInputError):
        compile_prefix("x" * 2001)


@pytest.mark.parametrize("filling", ["@", " ", "@ ", "LOG:  ", "a@b LOG:"])
def test_a_line_that_nearly_fits_is_read_soon(filling):
    prefix = compile_prefix("%m [%p] %q%u@%d %a ")
    line = "2026-11-22 04:00:09.277 UTC [5] " + filling * 20_000
    prefix.read(line)
    prefix.is_ambiguous(line)
