"""Backup, restore and move are killed at any statement and at any file, and run again."""

import json
import subprocess
import sys

import pytest

from pgward.ca.backup import create as backup
from pgward.ca.settings import Settings
from pgward.ca.store import copying, open_store
from pgward.core.clock import SystemClock
from pgward.pki import age
from tests.fixtures.filled import quick_ca

pytestmark = pytest.mark.integration

# In forked children, so that no turn costs a start: each is killed so many steps later than the
# one before, until one comes through or what it makes is there. Each finds what the former left.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from pgward.ca.backup import create, moving
from pgward.ca.backup.restore import restore
from pgward.ca.store import open_store
from pgward.ca.store.marks import MarkedError
from pgward.core.clock import SystemClock
from pgward.core.errors import NotFoundError
from pgward.pki import age

age.WORK = 2
what, top, stride = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
word, clock = b"another passphrase", SystemClock()
here, there = (f"sqlite:///{top / name}" for name in ("ca/ca.db", "there.db"))

def deed():
    if what == "backup":
        create.write(top / "ca", top / "b.age", word, clock)
    elif what == "restore":
        with (top / "whole.age").open("rb") as file:
            restore(file, top / "new", word, clock)
    else:
        moving.move(top / "ca", there, clock)

def is_there():
    if what == "backup":
        if (top / "b.age").exists():
            with (top / "b.age").open("rb") as file:
                create.verify(file, word)
            return True
        return False
    if what == "restore":
        return (top / "new").exists()
    served = []
    for url in (here, there):
        try:
            open_store(url).close()
            served.append(url)
        except (MarkedError, NotFoundError):
            pass
    assert served in ([], [here], [there]), served
    return served == [there]

def count_down(left):
    def step(*_arguments, **_named):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def hook(event, arguments):
        if event == "open" or event.startswith("os."):
            if str(top) in str(arguments):
                step()
    sys.addaudithook(hook)
    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)

create.write(top / "ca", top / "whole.age", word, clock)
kills = 0
while not is_there():
    child = os.fork()
    if child == 0:
        count_down(1 + kills * stride)
        deed()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        break
    assert status == -signal.SIGKILL, status
    kills += 1
print(json.dumps({"kills": kills, "there": is_there()}))
"""


@pytest.fixture
def place(tmp_path):
    """A directory with a CA in it; what a run makes comes beside that."""
    quick_ca(tmp_path / "ca", filled=True)
    return tmp_path


def strides(quick, long=1):
    return pytest.mark.parametrize("stride", [quick, pytest.param(long, marks=pytest.mark.soak)])


def killed(what, top, stride):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what, str(top), str(stride)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] >= 5
    assert found["there"]


def tallies(url):
    store = open_store(url)
    with store.read() as connection:
        found = copying.tallies(connection)
    store.close()
    return found


@strides(9)
def test_a_backup_is_whole_or_not_there(place, stride, monkeypatch):
    killed("backup", place, stride)
    monkeypatch.setattr(age, "WORK", 2)
    backup.write(place / "ca", place / "another.age", b"another passphrase", SystemClock())
    (place / "another.age").unlink()  # that run has removed what the killed ones left
    assert sorted(path.name for path in place.iterdir()) == ["b.age", "ca", "whole.age"]


@strides(60, 5)
def test_a_restored_ca_is_whole_or_not_there(place, stride):
    before = tallies(f"sqlite:///{place / 'ca' / 'ca.db'}")
    killed("restore", place, stride)
    found = tallies(f"sqlite:///{place / 'new' / 'ca.db'}")
    assert {name for name in found if found[name] != before[name]} == {"audit_events", "counters"}


@pytest.mark.soak
@strides(25, 3)
def test_of_a_moved_store_there_is_one_or_none_until_the_next_run(place, stride):
    before = tallies(f"sqlite:///{place / 'ca' / 'ca.db'}")
    killed("move", place, stride)
    found = tallies(f"sqlite:///{place / 'there.db'}")
    assert {name for name in found if found[name] != before[name]} == {"audit_events", "counters"}
    assert Settings.load(place / "ca").store.url.endswith("there.db")
