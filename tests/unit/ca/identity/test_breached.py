import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.ca.identity import breached
from pgward.ca.identity.breached import BreachListError

LEAKED = [f"password{number}" for number in range(5000)]


def sha1(text):
    return hashlib.sha1(text.encode()).hexdigest().upper()


def lines(passwords, *, end="\r\n", count=":{}"):
    hashes = sorted(sha1(each) for each in passwords)
    return "".join(f"{h}{count.format(n % 90_000)}{end}" for n, h in enumerate(hashes)).encode()


@pytest.fixture
def hashed(tmp_path):
    path = tmp_path / "pwned.txt"
    path.write_bytes(lines(LEAKED))
    return path


def test_every_hash_of_a_sorted_file_is_found_and_no_other(hashed):
    assert all(breached.contains(hashed, each) for each in LEAKED)
    assert not any(breached.contains(hashed, f"another{number}") for number in range(2000))


@pytest.mark.parametrize(("end", "count"), [("\n", ""), ("\n", ":{}"), ("\r\n", "")])
def test_the_formats_of_sorted_files(tmp_path, end, count):
    path = tmp_path / "list"
    for data in (lines(LEAKED[:7], end=end, count=count), lines(LEAKED[:7]).lower()):
        for whole in (data, data.rstrip(), b"\xef\xbb\xbf" + data):
            path.write_bytes(whole)
            assert [breached.contains(path, each) for each in LEAKED[:9]] == [True] * 7 + [
                False
            ] * 2


@given(st.sets(st.integers(0, 500), min_size=1, max_size=40), st.integers(0, 500))
@settings(max_examples=150)
def test_a_search_is_right_whatever_is_in_the_file(tmp_path_factory, there, wanted):
    path = tmp_path_factory.mktemp("list") / "x"
    path.write_bytes(lines(map(str, there), end="\n"))
    assert breached.contains(path, str(wanted)) == (wanted in there)


def test_a_file_of_40_gigabytes_costs_some_forty_reads(hashed, monkeypatch):
    """Sparse bytes cannot be sorted hashes, so the file is made up at each read."""
    size, width = 42_000_000_000 // 44 * 44, 44

    def pread(_descriptor, count, at):
        asked.append(at)
        first, last = at // width, min(at + count, size) // width + 1
        made = b"".join(b"%040X:12\n" % (number << 128) for number in range(first, last))
        return made[at % width :][: min(count, max(0, size - at))]

    asked = []
    there = hashlib.sha1(b"x").hexdigest()
    nearest = int(there, 16) >> 128
    assert nearest < 2**32
    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr(os, "fstat", lambda _d, real=os.fstat: _with_size(real(_d), size))
    assert not breached.contains(hashed, "x")
    assert len(asked) < 60


def _with_size(status, size):
    values = list(status)
    values[6] = size
    return os.stat_result(values)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_plain_lists(tmp_path, bom):
    path = tmp_path / "common.txt"
    path.write_bytes(bom + b"123456\r\nletmein\npass word\n\np\xc3\xa4ss\nlast")
    there = ["123456", "letmein", "pass word", "päss", "last"]
    absent = ["12345", "23456", "letmei", "etmein", "pass", "word", "las", "", "\n", "letmein\n"]
    assert [breached.contains(path, each) for each in there + absent] == [True] * 5 + [False] * 10


def test_a_plain_password_across_two_chunks_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(breached, "_CHUNK", 7)
    path = tmp_path / "common.txt"
    words = [f"{'x' * length}{length}" for length in range(1, 40)]
    path.write_text("\r\n".join(words) + "\r\n")
    assert all(breached.contains(path, each) for each in words)
    assert not breached.contains(path, "x20")


def test_a_file_that_is_not_sorted_is_told(tmp_path):
    path = tmp_path / "by-count.txt"
    path.write_bytes(b"".join(b"%s:%d\n" % (sha1(each).encode(), 9) for each in LEAKED))
    with pytest.raises(BreachListError, match="is not sorted by hash") as caught:
        breached.examine(path)
    assert caught.value.hint == "give a plain list, or SHA-1 hashes sorted by hash (HASH:COUNT)"
    with pytest.raises(BreachListError, match="is not sorted by hash"):
        [breached.contains(path, each) for each in LEAKED[:50]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"0" * 32 + b":5\n", "hashes that are not SHA-1"),
        (b"PK\0\0", "is it compressed"),
        (b"0" * 40 + b"\nrubbish\n" + b"F" * 40 + b"\n", "no SHA-1 hash"),
        (b"0" * 40 + b"\n" + b"F" * 4000, "too long|no SHA-1 hash"),
    ],
)
def test_files_that_are_something_else_are_told(tmp_path, data, said):
    path = tmp_path / "list"
    path.write_bytes(data)
    with pytest.raises(BreachListError, match=said):
        breached.contains(path, "whatever it may be")


def test_a_file_that_is_away_or_no_file_is_told(tmp_path):
    with pytest.raises(BreachListError, match="cannot be read: no such file") as caught:
        breached.contains(tmp_path / "absent", "x")
    assert caught.value.hint == "put it in its place again, readable for the authority"
    with pytest.raises(BreachListError, match="cannot be read: is a directory"):
        breached.contains(tmp_path, "x")


def test_plain_lists_that_would_take_long_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(breached, "MOST_PLAIN", 3)
    path = tmp_path / "list"
    path.write_bytes(b"four")
    with pytest.raises(BreachListError, match="MiB of plain passwords"):
        breached.contains(path, "x")


def test_what_a_list_is(hashed, tmp_path):
    assert breached.examine(hashed) == f"sorted SHA-1, {hashed.stat().st_size:,} bytes"
    plain = tmp_path / "plain"
    plain.write_text("123456\n")
    assert breached.examine(plain) == "plain passwords, 7 bytes"


def test_a_new_list_in_its_place_is_used_at_once(hashed):
    assert not breached.contains(hashed, "fresh")
    hashed.write_bytes(lines([*LEAKED, "fresh"]))
    assert breached.contains(hashed, "fresh")


def test_the_file_is_closed_again(hashed, tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    breached.contains(hashed, "x")
    (tmp_path / "empty").touch()
    with pytest.raises(BreachListError):
        breached.contains(tmp_path / "empty", "x")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
