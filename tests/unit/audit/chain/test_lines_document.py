"""The programs of docs/reference/audit-sinks.md do what it says, with no help of ours."""

import re
from pathlib import Path

import pytest

from pgward.audit.sinks.webhook import signature
from tests.fixtures.records import CHAIN, chained, record

DOCUMENT = Path(__file__).parents[4] / "docs/reference/audit-sinks.md"


@pytest.fixture(scope="module")
def programs():
    names = {}
    for code in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL):
        exec(compile(code, DOCUMENT, "exec"), names)
    return names


def test_its_check_finds_a_changed_line(programs):
    lines, _ = chained([record(each) for each in range(5)], block=3)
    programs["check"](CHAIN, lines)
    lines[3] = lines[3].replace(b"select 3", b"select 4")
    with pytest.raises(SystemExit, match="one of lines 4 to 5 was changed"):
        programs["check"](CHAIN, lines)
    with pytest.raises(SystemExit, match="one of lines 1 to 3 was changed"):
        programs["check"]("0" * 16, lines)
    lines, _ = chained([record(each) for each in range(5)], block=3)
    with pytest.raises(SystemExit, match="line 2 is not where it belongs"):
        programs["check"](CHAIN, [lines[0], *lines[2:]])


def test_its_receiver_knows_our_signature(programs):
    header = signature(b"k", 1795348801, b"body")
    assert programs["is_ours"](b"k", header, b"body")
    assert not programs["is_ours"](b"k", header, b"b0dy")
    assert not programs["is_ours"](b"x", header, b"body")
