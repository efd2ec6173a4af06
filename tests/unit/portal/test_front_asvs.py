"""That the tests which the list of OWASP's requirements names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/reference/asvs.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^\| (\w+) \| `(tests/[\w/.]+)` \|$", TEXT, re.MULTILINE))
NAMED = re.findall(r"(\w+): `(\w+)`", TEXT)


def test_every_test_that_is_named_is_there():
    missing = [
        f"{file}: {name}"
        for file, name in NAMED
        if f"def test_{name}(" not in (ROOT / FILES[file]).read_text(encoding="utf-8")
    ]
    assert missing == []
    assert len(NAMED) > 100


def test_every_requirement_stands_there_once():
    rows = re.findall(r"^\| ([\d., ]+) \| ", TEXT, re.MULTILINE)
    numbers = [each for row in rows for each in row.split(", ")]
    assert len(numbers) == len(set(numbers)) == 253
