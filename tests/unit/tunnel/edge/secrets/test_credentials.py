import asyncio
from base64 import b64encode

import pytest

from pgward.core.address import Address
from pgward.core.errors import InvalidInputError
from pgward.tunnel.edge.secrets.credentials import Keyring, Session
from pgward.tunnel.edge.secrets.provider import SecretError
from pgward.tunnel.edge.state_postgres import (
    CertificateAuth,
    Config,
    NoAuth,
    PasswordAuth,
    SecretRef,
    SshJump,
    UserRule,
)
from pgward.tunnel.edge.upstreams.values import Credentials
from tests.fixtures.fake_ca import FakeCa

CANARY = b"canary-Zx81"
WHOSE = Session("orders", "alice", "app", session="s1")


class Ca:
    """Tells secrets and issues certificates."""

    def __init__(self):
        self.secrets = {"db": CANARY}
        self.fake = FakeCa()

    def call(self, _method, path, fields):
        if path.endswith("/certificates"):
            return self.fake.issue(fields) | {"issued_at": "2026-11-21T12:00:00Z"}
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


def get(keyring, wanted):
    return asyncio.run(keyring.get(wanted, WHOSE))


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


def test_a_certificate_is_minted(keyring):
    found = get(keyring, config(CertificateAuth(5)))
    assert found.password is None
    assert found.certificate.chain.startswith(b"-----BEGIN CERTIFICATE-----")


def test_a_password_that_was_changed_is_met_by_a_refusal(ca, keyring, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(keyring._cupboard, "_monotonic", lambda: now[0])
    by_ca = config(PasswordAuth(SecretRef("secret", "db")))

    async def scenario():
        used = await keyring.get(by_ca, WHOSE)
        ca.secrets["db"] = b"next"
        now[0] += 10
        other = await keyring.after_refusal(by_ca, WHOSE, used)
        assert other == Credentials(password=b"next")
        assert await keyring.after_refusal(by_ca, WHOSE, other) is None

    asyncio.run(scenario())


def test_a_certificate_that_was_refused_is_not_shown_again(keyring):
    minted = config(CertificateAuth(5))

    async def scenario():
        used = await keyring.get(minted, WHOSE)
        assert await keyring.get(minted, WHOSE) == used
        assert await keyring.after_refusal(minted, WHOSE, used) is None
        assert await keyring.get(minted, WHOSE) != used

    asyncio.run(scenario())


def test_vault_is_there_when_the_environment_names_it(ca, vault):
    vault.put("apps/orders", password=CANARY.decode())
    by_vault = config(PasswordAuth(SecretRef("vault", "apps/orders", "password", "secret")))
    keyring = Keyring.open(ca, vault.environment())
    assert get(keyring, by_vault) == Credentials(password=CANARY)
    keyring.keep_only([])
    vault.denied.add("apps/orders")
    with pytest.raises(SecretError):
        get(keyring, by_vault)
    keyring.close()
    with pytest.raises(InvalidInputError):
        Keyring.open(ca, {"VAULT_ADDR": "http://vault"})
