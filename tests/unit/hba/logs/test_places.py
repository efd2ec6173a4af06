from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.hba.logs.csv_log import CsvReader
from pgward.hba.logs.json_log import JsonReader
from pgward.hba.logs.places import Format, Place, current, find, remarks
from pgward.hba.logs.stderr_log import StderrReader
from pgward.hba.server.datadir import DataDir
from pgward.hba.syntax.versions import Abilities

DEFAULTS = {
    "logging_collector": "on",
    "log_line_prefix": "%m [%p] %c ",
    "log_timezone": "Europe/Berlin",
    "log_connections": "on",
    "log_disconnections": "on",
    "lc_messages": "C",
    "log_min_messages": "warning",
}


@pytest.fixture
def server(pg_files, monkeypatch):
    """A data directory whose settings a test chooses."""
    chosen = dict(DEFAULTS)
    monkeypatch.setattr(DataDir, "setting", lambda _self, name: chosen[name])
    found = DataDir.open(pg_files.data_dir)
    return found, chosen


def test_the_best_of_what_the_server_writes(server):
    found, _ = server
    listed = found.path / "current_logfiles"
    listed.write_text("stderr log/a.log\ncsvlog log/a.csv\njsonlog log/a.json\n")
    place = find(found)
    assert (place.format, place.path, place.data_dir) == (
        *(Format.JSON, found.path / "log/a.json"),
        found.path,
    )
    assert find(found, form=Format.CSV).path == found.path / "log/a.csv"
    listed.write_text("stderr /var/log/a b.log\n")
    assert find(found).path == Path("/var/log/a b.log")
    with pytest.raises(InvalidInputError, match="writes no csvlog"):
        find(found, form=Format.CSV)


def test_nobody_knows_where_stderr_goes(server):
    found, chosen = server
    with pytest.raises(NotFoundError, match="current_logfiles"):
        find(found)
    chosen["logging_collector"] = "off"
    with pytest.raises(NotFoundError, match="logging_collector is off") as caught:
        find(found)
    assert "--log-file" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("a.log", None, Format.STDERR),
        ("a.csv", None, Format.CSV),
        ("a.json", None, Format.JSON),
        ("a.json", Format.STDERR, Format.STDERR),
    ],
)
def test_a_file_that_is_named(server, name, form, expected):
    place = find(server[0], Path("/log") / name, form)
    assert (place.format, place.prefix, place.data_dir) == (expected, "%m [%p] %c ", None)


def test_zones_that_are_none(server):
    server[1]["log_timezone"] = "Nowhere/../x"
    assert find(server[0], Path("/log/a")).zone is UTC


def test_each_format_has_its_reader():
    kinds = {form: type(Place(form, Path("/x")).reader(0)) for form in Format}
    assert kinds == {
        Format.STDERR: StderrReader,
        Format.CSV: CsvReader,
        Format.JSON: JsonReader,
    }


def test_a_list_that_is_strange():
    assert current(b"syslog x\nstderr\n\xff\n") == {}


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("log_connections", "off", "HBA050"),
        ("log_connections", "authentication", "HBA050"),
        ("log_disconnections", "off", "when sessions end"),
        ("lc_messages", "de_DE.UTF-8", "not English"),
        ("log_min_messages", "fatal", "above log"),
        ("log_line_prefix", "%m ", "neither %p nor %c"),
        ("log_line_prefix", "[%p] ", "no %m"),
        ("log_line_prefix", "%m [%p] %q%u@%d ", "of the client's choice"),
        ("log_connections", "authorization", "where from is not known"),
    ],
)
def test_what_keeps_the_log_from_telling_all(server, setting, value, said):
    found, chosen = server
    assert remarks(found, find(found, Path("/log/a"))) == []
    chosen[setting] = value
    assert any(said in each for each in remarks(found, find(found, Path("/log/a"))))


def test_a_list_of_stages_will_do(server):
    found, chosen = replace(server[0], able=Abilities(18)), server[1]
    chosen["log_connections"] = "receipt, authentication,authorization"
    chosen["lc_messages"] = "en_US.UTF-8"
    assert remarks(found, find(found, Path("/log/a"))) == []
    chosen["log_connections"] = "authentication,authorization"
    chosen["log_line_prefix"] = "%m [%p] %h "
    assert remarks(found, find(found, Path("/log/a"))) == []
    assert remarks(found, find(found, Path("/log/a.csv"))) == []


@pytest.mark.parametrize(
    ("value", "lacking"),
    [
        ("authorization", "authentication"),
        ("authentication", "authorization"),
        ("receipt", "authentication and authorization"),
    ],
)
def test_stages_that_say_who_got_in(server, value, lacking):
    found, chosen = replace(server[0], able=Abilities(18)), server[1]
    chosen["log_connections"] = value
    said = f"log_connections is {value} without {lacking}: the log does not say who got in (HBA050)"
    assert said in remarks(found, find(found, Path("/log/a")))
