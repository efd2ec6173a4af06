import shutil

import pytest

from pgward.ca.backup import moving
from pgward.ca.settings import Settings
from pgward.ca.store import audit, copying, create, marks, open_store, seats
from pgward.ca.store.engine import parse_url
from pgward.ca.store.marks import MarkedError
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError, NotFoundError

CLOCK = SystemClock()


@pytest.fixture
def there(tmp_path):
    return f"sqlite:///{tmp_path / 'elsewhere.db'}"


@pytest.fixture
def here(made_ca):
    return f"sqlite:///{made_ca / 'ca.db'}"


def tallies(url):
    store = open_store(url, marked=True)
    with store.read() as connection:
        found = copying.tallies(connection)
    store.close()
    return found


def moves(url):
    store = open_store(url)
    with store.read() as connection:
        found = audit.events(connection, action="ca.store.move")
    store.close()
    return [(event["details"]["from"], event["target"]) for event in found]


def test_there_and_back(made_ca, here, there):
    before = tallies(here)
    assert moving.move(made_ca, there, CLOCK) == before
    assert Settings.load(made_ca).store.url == there
    with pytest.raises(MarkedError, match=r"was moved from here to sqlite:///.*elsewhere"):
        open_store(here)
    assert moves(there) == [(here, there)]
    moving.move(made_ca, "sqlite", CLOCK)
    assert Settings.load(made_ca).store.url == ""
    assert moves(here) == [(here, there), (there, here)]
    with pytest.raises(MarkedError, match="was moved from here"):
        open_store(there)


def test_what_is_there_already_is_told(made_ca, here, there):
    with pytest.raises(ConflictError, match=r"is at sqlite:///.*ca.db already"):
        moving.move(made_ca, "sqlite", CLOCK)
    create(there).close()
    with pytest.raises(ConflictError, match="holds another store already"):
        moving.move(made_ca, there, CLOCK)
    with pytest.raises(ConflictError, match="holds a store already"):
        moving.check_free(there)
    open_store(here).close()


def test_a_store_that_is_served_is_not_moved(made_ca, here, there):
    serving = seats.seat(parse_url(here))
    serving.take()
    with pytest.raises(ConflictError, match="another pgward process uses this store"):
        moving.move(made_ca, there, CLOCK)
    serving.leave()
    moving.check_free(there)


class Killed(BaseException):
    """As SIGKILL: nothing is tidied up but what the kernel does."""


def cut_at(monkeypatch, place, name, *, after=False):
    """Replace a step by the end of everything, before it or after it."""
    real = getattr(place, name)

    def cut(*arguments, **options):
        if after:
            real(*arguments, **options)
        raise Killed

    monkeypatch.setattr(place, name, cut)


STEPS = [
    (moving, "create", False),
    (moving, "create", True),
    (copying, "empty", True),
    (copying, "check", True),
    (marks, "put", True),
    (moving, "switch", False),
    (moving, "switch", True),
    (marks, "drop", True),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[1]} {step[2]}")
def test_a_run_that_is_cut_short_is_finished_by_the_next(made_ca, here, there, monkeypatch, step):
    before = tallies(here)
    place, name, after = step
    with monkeypatch.context() as patch:
        cut_at(patch, place, name, after=after)
        with pytest.raises(Killed):
            moving.move(made_ca, there, CLOCK)
    _one_at_most_can_be_served(made_ca, here, there)
    assert moving.move(made_ca, there, CLOCK).keys() == before.keys()
    found = tallies(there)
    assert {name for name in found if found[name] != before[name]} == {"audit_events", "counters"}
    assert moves(there) == [(here, there)]
    with pytest.raises(MarkedError):
        open_store(here)


def _one_at_most_can_be_served(directory, here, there):
    served = []
    for url in (here, there):
        try:
            open_store(url).close()
            served.append(url)
        except (MarkedError, NotFoundError):
            pass
    assert served in ([], [here])
    assert not served or Settings.load(directory).store.url == ""


def test_a_move_that_was_begun_goes_on_to_the_same_place_only(made_ca, there, monkeypatch):
    with monkeypatch.context() as patch:
        cut_at(patch, moving, "switch")
        with pytest.raises(Killed):
            moving.move(made_ca, there, CLOCK)
    with pytest.raises(ConflictError, match=r"was moved to sqlite:///.*elsewhere.db"):
        moving.move(made_ca, f"{there}2", CLOCK)
    moving.move(made_ca, there, CLOCK)


def test_an_unfinished_copy_is_not_put_to_use_by_hand(made_ca, there, monkeypatch):
    with monkeypatch.context() as patch:
        cut_at(patch, copying, "copy")
        with pytest.raises(Killed):
            moving.move(made_ca, there, CLOCK)
    moving.switch(made_ca, there)
    with pytest.raises(ConflictError, match="is not complete"):
        moving.move(made_ca, there, CLOCK)
    with pytest.raises(MarkedError):
        open_store(there)


def test_a_moved_store_of_another_ca_is_not_overwritten(made_ca, tmp_path, there):
    shutil.copytree(made_ca, tmp_path / "twin")
    moving.move(tmp_path / "twin", there, CLOCK)
    with pytest.raises(ConflictError, match="holds another store already"):
        moving.move(made_ca, f"sqlite:///{tmp_path / 'twin' / 'ca.db'}", CLOCK)


SETTINGS = """# ours
[ca]
url = "https://ca.example.com"  # kept

[store]
# where it is
url = ""

[login]
session_hours = 8
"""


def test_only_the_url_changes_in_the_settings(tmp_path):
    file = tmp_path / "pgward.toml"
    file.write_text(SETTINGS)
    file.chmod(0o640)
    moving.switch(tmp_path, "postgresql://h/d")
    assert file.read_text() == SETTINGS.replace('url = ""', 'url = "postgresql://h/d"')
    assert file.stat().st_mode & 0o777 == 0o640
    moving.switch(tmp_path, "postgresql://u:p@h/d")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "[store]\n", "store = {url = ''}\n", '[store]\n"url" = ""'])
def test_settings_written_otherwise_are_written_anew(tmp_path, text):
    (tmp_path / "pgward.toml").write_text(text)
    moving.switch(tmp_path, "postgresql://h/d")
    assert Settings.load(tmp_path).store.url == "postgresql://h/d"


def test_a_password_is_named_nowhere():
    for url in ("postgresql://u:geheim@h/d", "postgresql://h/d?password=geheim"):
        assert "geheim" not in moving.described(parse_url(url))


def test_marks_do_not_travel(made_ca, there):
    moving.move(made_ca, there, CLOCK)
    store = open_store(there)
    with store.read() as connection:
        assert marks.get(connection, marks.MOVED) is None
        assert marks.get(connection, marks.ARRIVING) is None
    store.close()
