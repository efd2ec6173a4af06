"""Secrets of upstreams, by the commands: nobody finds one in files, logs, records or backups."""

from pathlib import Path

import pytest

from pgward.client import edge_calls
from pgward.client.machine import Machine
from pgward.core import handles
from pgward.core.errors import DeniedError, NotFoundError
from tests.fixtures.ca import pgward

pytestmark = pytest.mark.integration
CANARIES = {"first": "canary-Zx81-first", "second": "canary-Zx81-second"}


class World:
    """A CA, its administrator, alice, and an edge that nobody serves."""

    def __init__(self, site):
        self.site, self.admin = site, site.admin
        self.alice = site.person("dba")
        self.said: list[str] = []
        body = {"kind": "edge", "name": "e1", "dns": ["e1.test"]}
        token = site.api.post("/v1/tokens", body)["token"]
        self.edge = Machine.enroll(site.directory / "e1", token, advertise="127.0.0.1:7432")

    def run(self, person, *words, stdin=""):
        """Run a command, and keep what it said."""
        done = person.run(*words, stdin=stdin)
        self.said.append(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def declare(self):
        path = self.site.directory / "orders.yaml"
        path.write_text(
            "kind: Service\nmetadata: {name: orders}\nspec:\n  mode: postgres\n"
            "  upstream: {host: db1.internal}\n  allow: {groups: [dba]}\n"
            "  postgres:\n    user: {force: app}\n"
            "    auth: {password: {fromSecret: orders-db}}\n"
        )
        self.run(self.admin, "apply", "-f", path)

    def backup(self) -> Path:
        """Make a backup, and return the CA that is restored from it: its files are in clear."""
        word = self.site.directory / "word"
        word.write_text("open sesame open sesame\n")
        word.chmod(0o600)
        directory, file = self.site.ca.directory, self.site.directory / "b.age"
        restored = self.site.directory / "restored"
        for words in (
            ("backup", directory, file, "--passphrase-file", word),
            ("restore", file, restored, "--passphrase-file", word),
        ):
            done = pgward("ca", *words)
            self.said.append(done.stdout + done.stderr)
            assert done.returncode == 0, done.stderr
        return restored


@pytest.fixture
def world(own_site):
    made = World(own_site)
    yield made
    made.edge.close()


def holding(directory: Path, secret: str) -> list[Path]:
    """Return the files below a directory that hold a secret."""
    needle = secret.encode()
    files = (path for path in directory.rglob("*") if path.is_file())
    return [path for path in files if needle in path.read_bytes()]


def test_a_secret_is_nowhere_but_at_the_edge_that_needs_it(world):
    run, admin = world.run, world.admin
    run(admin, "secret", "create", "orders-db", stdin=f"{CANARIES['first']}\n")
    world.declare()
    assert edge_calls.secret(world.edge, "orders-db").value == CANARIES["first"].encode()
    run(admin, "secret", "rotate", "orders-db", stdin=CANARIES["second"])
    run(admin, "secret", "rotate-key")
    assert edge_calls.secret(world.edge, "orders-db").value == CANARIES["second"].encode()
    run(admin, "secret", "list", "-o", "json")
    refused = admin.run("secret", "delete", "orders-db")
    assert refused.returncode == 1
    assert "the secret 'orders-db' is in use: orders" in refused.stderr

    world.backup()
    world.said.append(str(world.site.api.get("/v1/audit?limit=1000")))
    world.said.append(world.site.ca.messages())
    for secret in CANARIES.values():
        assert holding(world.site.directory, secret) == []
        assert [each for each in world.said if secret in each] == []
    assert len(holding(world.site.directory, "orders-db")) > 2  # it looks into both stores
    run(admin, "secret", "delete", "orders-db", "--force")
    with pytest.raises(NotFoundError):
        edge_calls.secret(world.edge, "orders-db")


@pytest.mark.soak
def test_ways_in_are_in_the_store_as_hashes_only(world):
    world.run(world.admin, "secret", "create", "orders-db", stdin="x")
    world.declare()
    command = world.alice.ok("otp", "orders", "--role", "app")
    one_time = handles.read(command.partition("postgres://")[2].partition(":empty@")[0]).text
    uri, password = world.alice.ok("token", "orders").splitlines()
    token_id = uri.partition("postgres://")[2].partition("@")[0]

    found = edge_calls.token(world.edge, token_id, client="192.0.2.1")
    assert found.login.user == world.alice.name
    login = edge_calls.redeem(world.edge, one_time, client="192.0.2.1")
    assert (login.user, login.service) == (world.alice.name, "orders")
    with pytest.raises(DeniedError, match="the login does not count"):
        edge_calls.redeem(world.edge, one_time, client="192.0.2.1")

    world.backup()
    world.said.append(str(world.site.api.get("/v1/audit?limit=1000")))
    world.said.append(world.site.ca.messages())
    for secret in (one_time, password, one_time.removeprefix("otp-")):
        assert holding(world.site.directory, secret) == []
        assert [each for each in world.said if secret in each] == []

    world.run(world.alice, "logout")
    assert set(edge_calls.over(world.edge, sessions=[login.session], tokens=[token_id])) == {
        login.session
    }
    with pytest.raises(DeniedError):
        edge_calls.token(world.edge, token_id, client="192.0.2.1")
