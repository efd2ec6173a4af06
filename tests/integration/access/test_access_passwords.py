"""Access roles with passwords in front of a real PostgreSQL, at an edge, with a connector."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from pgward.client.machine import Machine
from tests.fixtures.ca import Person
from tests.fixtures.connector_process import ConnectorProcess
from tests.fixtures.stack import Stack
from tests.fixtures.waiting import eventually
from tests.integration.aware.test_completeness import straight

pytestmark = pytest.mark.integration


@dataclass
class Shop:
    """A service whose people land as access roles with passwords, and its connector."""

    stack: Stack
    person: Person
    name: str = ""
    where: str = ""
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def role(self) -> str:
        return f"jit_{self.person.name}"

    def put(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        body = {"kind": kind, "metadata": {"name": name}, "spec": spec}
        self.stack.site.api.put(f"/v1/resources/{kind.lower()}/{name}", body)

    def declare(self) -> None:
        """Begin a connector with an account of its own; whoever asks gets it at once."""
        unique, cluster = self.stack.site.unique, self.stack.cluster
        database, connector, user = unique("db"), unique("conn"), unique("c").replace("-", "_")
        cluster.psql(f'create role "{user}" login createrole')
        if cluster.version >= 16:
            cluster.psql(f'grant passwords to "{user}" with admin option')
        spec = {"connector": connector, "host": str(cluster.socket_dir), "port": cluster.port}
        spec |= {"user": user, "auth": {"none": True}, "sslMode": "disable"}
        self.put("Integration", database, spec | {"roleName": "jit_{user}"})
        auth = {"password": {"fromGrant": True}}
        block = {"user": {"fromGrant": True}, "auth": auth, "database": {"force": "postgres"}}
        service = self.stack.aware(postgres=block, integration=database)
        flow = {"services": [service.name], "who": {"users": [self.person.name]}}
        flow |= {"roles": ["passwords"], "maxDuration": "8h", "reason": "optional", "approvals": []}
        self.put("AccessFlow", service.name, flow)
        body = {"kind": "connector", "name": connector}
        token = self.stack.site.api.post("/v1/tokens", body)["token"]
        directory = self.stack.site.directory / connector
        Machine.enroll(directory, token, advertise=None).close()
        self.held.callback(ConnectorProcess(directory).close)
        self.name = service.name
        self.where = straight(self.person, self.stack.edge, self.name)

    def ask(self) -> str:
        asked = self.person.data("request", self.name, "--role", "passwords", "--for", "1h")
        return str(asked["id"])

    def lets_in(self) -> bool:
        try:
            psycopg.connect(self.where).close()
        except psycopg.OperationalError:
            return False
        return True

    def stays_open(self) -> bool:
        """Get in, whatever is being changed at this moment."""
        psycopg.connect(self.where).close()
        return True

    def ask_postgres(self, query: str) -> str:
        return self.stack.cluster.psql(query)

    def verifier(self) -> str:
        return self.ask_postgres(f"select rolpassword from pg_authid where rolname = '{self.role}'")


@pytest.fixture
def shop(stack: Stack) -> Iterator[Shop]:
    made = Shop(stack, stack.person())
    with made.held:
        made.declare()
        yield made


def test_people_land_as_roles_whose_passwords_they_never_see(shop: Shop) -> None:
    first = shop.ask()
    eventually(shop.lets_in)
    with psycopg.connect(shop.where, autocommit=True) as session:
        assert session.execute("select session_user").fetchone() == (shop.role,)
        before = shop.verifier()
        assert before.startswith("SCRAM-SHA-256$4096:")
        # Another grant brings another password, and at no moment is anybody refused.
        second = shop.ask()
        eventually(lambda: shop.stays_open() and shop.verifier() != before)
        assert shop.stays_open()
        # What somebody gave the role by hand does not last.
        shop.ask_postgres(f"alter role \"{shop.role}\" password 'a word of mine'")
        by_hand = shop.verifier()
        assert not shop.lets_in()
        eventually(shop.lets_in)
        assert shop.verifier() != by_hand
        for each in (first, second):
            shop.stack.site.admin.ok("revoke", each, "--reason", "enough")
        eventually(lambda: shop.verifier() == "")
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    read = {each["actor"] for each in shop.stack.audit(action="access.password_read")}
    assert {f"edge:{shop.stack.edge.directory.name}"} == read
