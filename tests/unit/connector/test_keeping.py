import logging
import stat

import pytest

from pgward.connector.keeping import PLACE, Keeping, Kept
from tests.fixtures.connectors import grant_fields, integration_fields

CLOCK = {"now": "2026-03-01T12:00:00.000000Z"}


def fields(*names):
    return {name: integration_fields(grant_fields(), name=name) for name in names}


def test_what_was_kept_is_there_for_the_next_process(tmp_path):
    Keeping(tmp_path).keep(5, CLOCK, fields("a", "b"))
    assert Keeping(tmp_path).load() == Kept(5, CLOCK, fields("a", "b"))


def test_nothing_is_there_at_first(tmp_path):
    assert Keeping(tmp_path).load() == Kept()


def test_others_read_none_of_it(tmp_path):
    Keeping(tmp_path).keep(5, CLOCK, fields("a"))
    modes = {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / PLACE).iterdir()}
    assert (stat.S_IMODE((tmp_path / PLACE).stat().st_mode), modes) == (0o700, {0o600})


def test_what_is_ours_no_more_goes_and_what_is_the_same_is_not_written_again(tmp_path):
    Keeping(tmp_path).keep(5, CLOCK, fields("a", "b"))
    again = Keeping(tmp_path)
    again.load()
    before = (tmp_path / PLACE / "a.integration").stat().st_ino
    again.keep(6, CLOCK, fields("a"))
    assert Keeping(tmp_path).load() == Kept(6, CLOCK, fields("a"))
    assert (tmp_path / PLACE / "a.integration").stat().st_ino == before


def test_a_damaged_file_is_left_out_and_told_of(tmp_path, caplog):
    Keeping(tmp_path).keep(5, CLOCK, fields("a", "b"))
    (tmp_path / PLACE / "a.integration").write_text("{")
    (tmp_path / PLACE / "heard.json").write_text("[]")
    assert Keeping(tmp_path).load() == Kept(0, None, fields("b"))
    assert caplog.text.count("cannot be read, and is left out") == 2


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path, caplog):
    keeping = Keeping(tmp_path)
    (tmp_path / PLACE / "heard.json").mkdir()
    with caplog.at_level(logging.ERROR):
        keeping.keep(5, CLOCK, fields("a"))
    assert "what the CA said cannot be kept" in caplog.text


@pytest.mark.parametrize("name", ["../x", "A", ""])
def test_no_name_leads_out_of_the_directory(tmp_path, caplog, name):
    Keeping(tmp_path).keep(5, CLOCK, {name: {}})
    assert "cannot be kept" in caplog.text
