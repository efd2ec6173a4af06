import asyncio
import threading
from base64 import b64encode

import pytest

from pgward.client.secrets.provider import SecretError
from pgward.client.secrets.reference import SecretRef
from pgward.core.address import Address
from pgward.core.errors import DeniedError, InvalidInputError
from pgward.tunnel.edge.secrets.credentials import Keyring, Session
from pgward.tunnel.edge.state_postgres import (
    AccessPasswordAuth,
    CertificateAuth,
    Config,
    NoAuth,
    PasswordAuth,
    SshJump,
    UserRule,
)
from pgward.tunnel.edge.upstreams.values import Credentials
from tests.fixtures.fake_ca import FakeCa

CANARY = b"canary-Zx81"
WHOSE = Session("orders", "alice", "app", serial="abc")


class Ca:
    """Tells secrets and issues certificates."""

    def __init__(self):
        self.secrets = {"db": CANARY}
        self.fake = FakeCa()
        self.minted = []
        self.error = None

    def call(self, _method, path, fields):
        if self.error is not None:
            raise self.error
        if path.endswith("/certificates"):
            self.minted.append({each: fields.get(each) for each in ("user", "session", "serial")})
            return self.fake.issue(fields) | {"issued_at": "2026-11-21T12:00:00Z"}
        if path.endswith("/passwords"):
            version = fields.get("refused", 0) + 1
            return {"value": b64encode(b"of the grant %d" % version).decode(), "version": version}
        value = self.secrets[path.rpartition("/")[2]]
        return {"value": b64encode(value).decode(), "version": 1}


def config(auth, jump=None):
    upstreams = (Address("db1", 5432),)
    return Config(None, upstreams, UserRule(force="app"), auth, jump=jump)


@pytest.fixture
def ca():
    return Ca()


@pytest.fixture
def keyring(ca, tmp_path):
    path = tmp_path / "key"
    path.write_text("-----BEGIN KEY-----\nx\n-----END KEY-----\n")
    path.chmod(0o600)
    made = Keyring.open(ca, {"PGWARD_UPSTREAM_DB": "of the environment"})
    yield made
    made.close()


def get(keyring, wanted, session=WHOSE):
    async def scenario():
        return await asyncio.wait_for(keyring.get(wanted, session), 10)

    return asyncio.run(scenario())


def after_refusal(keyring, wanted, used):
    return asyncio.run(keyring.after_refusal(wanted, WHOSE, used))


def test_a_password_comes_from_where_the_reference_says(keyring):
    by_ca = config(PasswordAuth(SecretRef("secret", "db")))
    assert get(keyring, by_ca) == Credentials(password=CANARY)
    by_environment = config(PasswordAuth(SecretRef("env", "PGWARD_UPSTREAM_DB")))
    assert get(keyring, by_environment) == Credentials(password=b"of the environment")
    assert CANARY.decode() not in repr(get(keyring, by_ca))


def test_a_jump_host_has_a_key_of_its_own(keyring, tmp_path):
    key = SecretRef("file", str(tmp_path / "key"))
    jump = SshJump(Address("jump", 22), "edge", "ssh-ed25519 AAAA", key)
    found = get(keyring, config(NoAuth(), jump))
    assert found == Credentials(jump_key=(tmp_path / "key").read_bytes())


@pytest.mark.parametrize("text", [b"-----BEGIN KEY-----\nx\n-----END KEY-----\n", b"HOME=/\0A=b"])
def test_a_key_is_no_password_and_goes_to_no_server(ca, keyring, tmp_path, text):
    (tmp_path / "key").write_bytes(text)
    by_file = config(PasswordAuth(SecretRef("file", str(tmp_path / "key"))))
    with pytest.raises(SecretError, match="is no password: it has several lines"):
        get(keyring, by_file)
    ca.secrets["db"] = text
    by_ca = config(PasswordAuth(SecretRef("secret", "db")))
    assert after_refusal(keyring, by_ca, Credentials(password=CANARY)) is None


def test_the_edges_own_files_are_no_secrets_of_services(ca, vault, tmp_path):
    environment, own = vault.environment(), tmp_path / "own"
    own.mkdir()
    (own / "key").write_text("password")
    keyring = Keyring.open(ca, environment, private=[own])
    for path in (own / "key", environment["VAULT_TOKEN_FILE"]):
        by_file = config(PasswordAuth(SecretRef("file", str(path))))
        with pytest.raises(SecretError, match="no place for secrets of databases"):
            get(keyring, by_file)
    keyring.close()


def test_a_certificate_is_minted_for_whom_the_session_is(ca, keyring):
    minted = config(CertificateAuth(5))
    found = get(keyring, minted)
    assert found.password is None
    assert found.certificate.chain.startswith(b"-----BEGIN CERTIFICATE-----")
    assert get(keyring, minted) == found
    assert after_refusal(keyring, minted, found) is None
    assert get(keyring, minted) != found
    get(keyring, minted, Session("orders", "bob", "app", session="s1"))
    alice = {"user": "alice", "session": None, "serial": "abc"}
    assert ca.minted == [alice, alice, {"user": "bob", "session": "s1", "serial": None}]


def test_a_password_that_was_changed_is_met_by_a_refusal(ca, keyring, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(keyring.secrets, "_monotonic", lambda: now[0])
    by_ca = config(PasswordAuth(SecretRef("secret", "db")))
    used = get(keyring, by_ca)
    assert used == Credentials(password=CANARY)
    ca.secrets["db"] = b"next"
    assert get(keyring, by_ca) == used
    assert after_refusal(keyring, by_ca, used) == Credentials(password=b"next")
    assert after_refusal(keyring, by_ca, used) == Credentials(password=b"next")
    assert after_refusal(keyring, by_ca, Credentials(password=b"next")) is None
    del ca.secrets["db"]
    now[0] += 10
    ca.error = DeniedError("no")
    assert after_refusal(keyring, by_ca, used) is None


def test_who_waits_too_long_gets_what_is_known(ca, keyring, monkeypatch):
    now, go = [1000.0], threading.Event()
    monkeypatch.setattr(keyring.secrets, "_monotonic", lambda: now[0])
    monkeypatch.setattr(keyring.secrets, "_patience", 0.01)
    by_ca = config(PasswordAuth(SecretRef("secret", "db")))
    get(keyring, by_ca)
    answer = ca.call
    ca.call = lambda *asked: go.wait(10) and answer(*asked)
    now[0] += 1000
    assert get(keyring, by_ca) == Credentials(password=CANARY)
    go.set()


def test_vault_is_there_when_the_environment_names_it(ca, vault):
    vault.put("apps/orders", password=CANARY.decode())
    by_vault = config(PasswordAuth(SecretRef("vault", "apps/orders", "password", "secret")))
    keyring = Keyring.open(ca, vault.environment())
    assert get(keyring, by_vault) == Credentials(password=CANARY)
    keyring.keep_only([])
    vault.denied.add("apps/orders")
    with pytest.raises(SecretError, match="Vault does not let us read"):
        get(keyring, by_vault)
    keyring.close()
    with pytest.raises(InvalidInputError):
        Keyring.open(ca, {"VAULT_ADDR": "http://vault"})


def test_the_password_of_an_access_role_comes_from_the_ca_and_another_after_a_refusal(keyring, ca):
    by_grant = config(AccessPasswordAuth())
    first = get(keyring, by_grant)
    assert first == Credentials(password=b"of the grant 1")
    second = after_refusal(keyring, by_grant, first)
    assert second == Credentials(password=b"of the grant 2")
    ca.error = DeniedError("no password is given")
    assert after_refusal(keyring, by_grant, second) is None
