"""A database that goes away and comes back under `ca serve`; two on one SQLite file."""

import shutil
import time
from contextlib import contextmanager

import httpx2
import pytest

from pgward.ca.backup import moving
from pgward.ca.settings import Settings
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError
from tests.fixtures.ca_process import CaProcess, pgward
from tests.fixtures.database import new_database
from tests.fixtures.filled import quick_ca
from tests.fixtures.load import Acknowledged, check, load
from tests.fixtures.replicas import until

pytestmark = pytest.mark.integration


@contextmanager
def serving(directory, *arguments):
    ca = CaProcess(directory, *arguments)
    try:
        yield ca
    finally:
        if ca.process.poll() is None:
            ca.kill()


def test_a_database_that_goes_and_comes_is_lived_through(pg, tmp_path):
    url = new_database(pg)
    done = Acknowledged()
    directory = quick_ca(tmp_path / "ca")
    moving.move(directory, url, SystemClock())
    with (
        serving(directory) as ca,
        httpx2.Client(verify=ca.trusting(), base_url=ca.url, timeout=30) as http,
        load(lambda: [ca], done, clients=2),
    ):
        done.wait_for(10)
        pg.stop()
        began = time.monotonic()
        reply = http.get("/v1/health")
        assert time.monotonic() - began < 10
        assert reply.status_code == 503
        error = reply.json()["error"]
        assert error["code"] == "unavailable"
        assert error["message"] == "the authority's store is unavailable: it does not answer"
        assert error["hint"]
        pg.start()
        until(lambda: http.get("/v1/health").status_code == 200)
        done.wait_for(len(done.certificates) + 10)
    assert done.lost == []
    check(url, done)
    assert "Traceback" not in ca.messages()


def test_serving_waits_for_nobody_when_there_is_no_database(tmp_path):
    directory = quick_ca(tmp_path / "ca")
    done = pgward(
        *("ca", "serve", directory, "--database-url", "postgresql://127.0.0.1:1/ca?sslmode=disable")
    )
    assert done.returncode == 1
    assert "the authority's store is unavailable: it does not answer" in done.stderr
    assert "hint: the database says: connection failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_password_is_refused_on_the_command_line(tmp_path):
    url = "postgresql://db/ca?password=geheim"
    done = pgward("ca", "init", tmp_path / "new", "--database-url", url)
    assert done.returncode == 2
    assert "a password on the command line is seen by everyone" in done.stderr
    assert "geheim" not in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.soak
def test_two_may_serve_one_sqlite_file(tmp_path):
    """One leads and both write; SQLite's lock lets one writer in at a time."""
    directory = quick_ca(tmp_path / "ca")
    shutil.copytree(directory, tmp_path / "second", ignore=shutil.ignore_patterns("ca.db*"))
    store = f"sqlite:///{directory / 'ca.db'}"
    done, stopped = Acknowledged(), []
    with (
        serving(directory) as first,
        serving(tmp_path / "second", "--database-url", store) as second,
        load(lambda: [each for each in (first, second) if each not in stopped], done, clients=2),
    ):
        done.wait_for(8)
        stopped.append(first)
        first.kill()
        done.wait_for(len(done.certificates) + 8)
        until(lambda: "this replica leads" in second.messages())
    assert done.lost == []
    check(store, done)


def test_a_ca_begins_in_a_database(tmp_path, database_url):
    url = tmp_path / "url"
    url.write_text(f"{database_url}\n")
    url.chmod(0o600)
    arguments = ("--listen", "127.0.0.1:0", "--database-url-file", url)
    made = pgward("ca", "init", tmp_path / "ca", *arguments)
    assert made.returncode == 0, made.stderr
    assert Settings.load(tmp_path / "ca").store.url == database_url
    with pytest.raises(ConflictError, match="the database holds a store already"):
        moving.check_free(database_url)
