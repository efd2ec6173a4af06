import json

import pytest
from click.testing import CliRunner

from pgward.ca import store as stores
from pgward.ca.ceremony import requests
from pgward.ca.settings import FILE, Settings
from pgward.ca.store import authorities as stored
from pgward.cli import cli
from tests.fixtures.rotating_ca import SECRET


@pytest.fixture
def place(ca_place):
    (ca_place / FILE).write_text(Settings().dump())
    secret = ca_place.parent / "secret"
    secret.write_bytes(SECRET + b"\n")
    secret.chmod(0o600)
    stores.create(f"sqlite:///{ca_place / 'ca.db'}").close()
    return ca_place


def run(place, *arguments):
    arguments = [*arguments, "--passphrase-file", str(place.parent / "secret")]
    return CliRunner().invoke(cli, ["ca", "rotate", "start", *map(str, arguments)])


def states(place):
    store = stores.open_store(f"sqlite:///{place / 'ca.db'}")
    try:
        with store.read() as connection:
            return {each.id: str(each.state) for each in stored.read(connection).all}
    finally:
        store.close()


def test_a_root_is_begun_to_be_replaced(place):
    done = run(place, "root", place, "--hierarchy", "server")
    assert (done.exit_code, done.stdout) == (0, "server-root-2\n"), done.stderr
    assert "new, and trusted from now on: server-root-2, server-issuing-2" in done.stderr
    assert "the key of server-issuing-2 is file:keys/server-issuing-2.key" in done.stderr
    assert states(place)["server-root-2"] == "next"


def test_a_roots_key_that_is_away_is_asked_for(place, tmp_path):
    key = place / "keys" / "user-root.key"
    away = tmp_path / "medium.key"
    key.rename(away)
    done = run(place, "issuing", place, "--hierarchy", "user")
    assert (done.exit_code, "the key of user-root is not here" in done.stderr) == (1, True)
    assert "name it with --root-key FILE" in done.stderr
    assert "user-issuing-2" not in states(place)
    done = run(place, "issuing", place, "--hierarchy", "user", "--root-key", away)
    assert done.exit_code == 0, done.stderr
    assert states(place)["user-issuing-2"] == "next"


def test_a_passphrase_without_its_key(place):
    done = run(place, "issuing", place, "--hierarchy", "user", "--root-passphrase-file", "x")
    assert (done.exit_code, "is for --root-key" in done.stderr) == (2, True)


def test_what_is_new_in_facts(place):
    document = json.loads(run(place, "issuing", place, "--hierarchy", "user", "-o", "json").stdout)
    assert document["new"] == [{"id": "user-issuing-2", "key": "file:keys/user-issuing-2.key"}]
    assert document["rotation"]


def test_a_second_start_is_refused(place):
    assert run(place, "issuing", place, "--hierarchy", "user").exit_code == 0
    done = run(place, "root", place, "--hierarchy", "user")
    assert (done.exit_code, "user-issuing-2 is under way" in done.stderr) == (1, True)


@pytest.fixture
def subordinate(place):
    """Whose root's key somebody else has."""
    (place / "keys" / "user-root.key").unlink()
    (place / "requests").mkdir()
    (place / "requests" / "user-issuing.csr").touch()
    return place


def test_below_a_companys_root_a_request_is_made(subordinate):
    for _ in range(2):
        done = run(subordinate, "issuing", subordinate, "--hierarchy", "user")
        assert done.exit_code == 0, done.stderr
        assert done.stdout == f"{subordinate}/requests/user-issuing-2.csr\n"
        assert f"then: pgward ca import {subordinate} FILE…" in done.stderr
    assert requests.load(subordinate, "user-issuing-2").is_signature_valid
    assert "user-issuing-2" not in states(subordinate)


def test_a_companys_root_is_not_ours_to_replace(subordinate):
    done = run(subordinate, "root", subordinate, "--hierarchy", "user")
    assert (done.exit_code, "the user-root CA is the company's" in done.stderr) == (1, True)
    assert "hint: a new key below the same root: pgward ca rotate start issuing" in done.stderr
    assert not (subordinate / "requests" / "user-root-2.csr").exists()
