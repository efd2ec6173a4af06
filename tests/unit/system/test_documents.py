import json
from datetime import datetime, timedelta, timezone

import pytest
import yaml

from pgward.system.documents import written


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_a_document_is_faithful_and_harmless(form, read):
    value = {"text": "\x1b[2J\x9b\u202e é \n"}
    text = written(value, form)
    assert read(text) == value
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_times_are_rfc_3339_in_utc_and_sets_are_lists(form, read):
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    value = {"at": moment, "of": {"set"}, 1: None}
    assert read(written(value, form)) == {"at": "2026-01-02T02:04:05Z", "of": ["set"], "1": None}
