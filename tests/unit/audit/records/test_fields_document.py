"""Holds the page about records against the fields that there are."""

import re
from pathlib import Path
from typing import get_args

from pgward.audit.records.fields import Record, RecordType

ROOT = Path(__file__).parents[4]
CHAINED = {"seq", "hash"}


def test_the_page_has_every_field_and_no_other():
    whole = (ROOT / "docs/reference/audit-records.md").read_text(encoding="utf-8")
    page = whole.partition("\n## ")[0]  # behind it are tables of other things
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(rows))) == set(Record.__annotations__) | CHAINED


def test_every_type_of_record_is_told_of():
    page = (ROOT / "docs/concepts/audit.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", page, re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(rows))) == set(get_args(RecordType))
