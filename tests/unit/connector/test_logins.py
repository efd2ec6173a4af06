from types import SimpleNamespace

import pytest

from pgward.client.secrets.provider import SecretAwayError, SecretError
from pgward.connector.assignment import ServerSettings
from pgward.connector.conninfo import Credentials
from pgward.connector.logins import Logins, Places
from pgward.connector.tls_files import TlsFiles
from pgward.core.errors import DeniedError, UnavailableError
from tests.fixtures.connectors import settings_fields

CANARY = "canary-Zx81"


class Ca:
    def __init__(self):
        self.answer = CANARY.encode()
        self.count = 0

    def secret(self, _integration, refused=None):
        self.count += 1
        self.refused = refused
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.count, self.answer

    def certificate(self, integration, seconds):
        self.count += 1
        made = SimpleNamespace(chain=f"{integration} {self.count}".encode(), key_pem=b"key")
        return made, seconds


class World:
    def __init__(self, directory):
        self.ca, self.now = Ca(), 1000.0
        self.places = Places({"PGWARD_UPSTREAM_DB": CANARY}, private=[directory / "own"])
        files = TlsFiles(directory / "own", lambda: directory / "ca.crt")
        self.logins = Logins("shop-db", self.ca, self.places, files, monotonic=lambda: self.now)

    def get(self, auth, *, fresh=False):
        settings = ServerSettings.read(settings_fields(auth=auth))
        with self.logins.credentials(settings, fresh=fresh) as found:
            return found

    def close(self):
        self.logins.close()
        self.places.close()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def test_the_authoritys_secret_is_asked_for_once_and_again_when_it_was_refused(world):
    auth = {"password": {"from_secret": "shop"}}
    assert [world.get(auth).password for _ in range(3)] == [CANARY] * 3
    assert world.ca.count == 1
    world.ca.answer = b"next"
    assert world.get(auth, fresh=True).password == "next"
    assert world.ca.refused == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(DeniedError("no"), SecretError), (UnavailableError("no"), SecretAwayError)],
)
def test_the_authoritys_no_is_told(world, answer, kind):
    world.ca.answer = answer
    with pytest.raises(kind, match="the CA does not tell the secret shop"):
        world.get({"password": {"from_secret": "shop"}})


@pytest.mark.parametrize("value", [b"two\nlines\nhere", b"a\0b", b"\xff"])
def test_what_is_no_password_is_refused_and_not_shown(world, value):
    world.ca.answer = value
    with pytest.raises(SecretError, match="the secret shop is no password"):
        world.get({"password": {"from_secret": "shop"}})


def test_files_and_the_environment_are_places_but_not_the_connectors_own(world, tmp_path):
    path = tmp_path / "pw"
    path.write_text(f"{CANARY}\n")
    path.chmod(0o600)
    assert world.get({"password": {"from_file": str(path)}}).password == CANARY
    assert world.get({"password": {"from_env": "PGWARD_UPSTREAM_DB"}}).password == CANARY
    own = tmp_path / "own" / "host.key"
    own.write_text("key")
    own.chmod(0o600)
    with pytest.raises(SecretError, match="is no place for secrets of databases"):
        world.get({"password": {"from_file": str(own)}})


def test_without_a_vault_that_is_said(world):
    with pytest.raises(SecretError, match="this connector knows no Vault"):
        world.get({"password": {"from_vault": {"path": "a", "field": "b", "mount": "c"}}})


def test_a_certificate_serves_for_half_of_its_life(world):
    auth = {"certificate": {"minutes": 5}}
    first = world.get(auth)
    assert first.certificate.endswith("login.crt")
    assert world.ca.count == 1
    world.now += 149
    world.get(auth)
    assert world.ca.count == 1
    world.now += 1
    world.get(auth)
    assert world.ca.count == 2
    world.get(auth, fresh=True)
    assert world.ca.count == 3


def test_who_is_asked_for_nothing_gives_nothing(world):
    assert world.get({"none": True}) == Credentials()


def test_a_password_is_not_shown():
    assert CANARY not in repr(Credentials(CANARY))
