"""What the CA makes for edges, at a real PostgreSQL: a token's verifier, a minted certificate."""

from pathlib import Path

import psycopg
import pytest

from pgward.ca.handles import verifier
from pgward.client import edge_calls
from pgward.client.machine import Machine
from pgward.core.errors import DeniedError
from tests.fixtures.stack import DATABASE, SERVER_NAME

pytestmark = pytest.mark.integration
SECRET = "pgt1.Zx81-not-to-be-found"


def test_postgresql_takes_the_verifier_of_a_token_for_its_secret(pg):
    made = verifier.make(SECRET, b"0123456789abcdef")
    pg.psql(f"create role guest login password '{made}'")
    kept = pg.psql("select rolpassword from pg_authid where rolname = 'guest'")
    assert kept.strip() == made
    (pg.data_dir / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    pg.reload()
    place = {"host": "127.0.0.1", "port": pg.port, "user": "guest", "dbname": "postgres"}
    with psycopg.connect(**place, password=SECRET, require_auth="scram-sha-256") as connection:
        assert connection.execute("select current_user").fetchone() == ("guest",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**place, password=made)


@pytest.fixture
def edge(stack):
    made = Machine.load(stack.edge.directory)
    yield made
    made.close()


def service(stack, person):
    """Declare a service whose edge logs in by certificates in people's names."""
    name = stack.site.unique("db")
    spec = {
        "mode": "postgres",
        "upstream": {"host": "127.0.0.1", "port": stack.cluster.port},
        "allow": {"users": [person.name]},
        "edges": [stack.edge.directory.name],
        "postgres": {
            "user": {"fromPerson": True},
            "auth": {"certificate": {"minutes": 5}},
            "serverName": SERVER_NAME,
        },
    }
    body = {"kind": "Service", "metadata": {"name": name}, "spec": spec}
    stack.site.api.put(f"/v1/resources/service/{name}", body)
    return name


def connect(stack, made, user: str, directory: Path):
    (directory / "minted.crt").write_bytes(made.chain)
    key = directory / "minted.key"
    key.write_bytes(made.key_pem)
    key.chmod(0o600)
    return psycopg.connect(
        host=SERVER_NAME,
        hostaddr="127.0.0.1",
        port=stack.cluster.port,
        user=user,
        dbname=DATABASE,
        sslmode="verify-full",
        sslcert=str(directory / "minted.crt"),
        sslkey=str(key),
        sslrootcert=str(stack.site.ca.root),
    )


def test_postgresql_itself_sees_the_person_in_a_minted_certificate(stack, edge, tmp_path):
    alice = stack.person()
    name = service(stack, alice)
    made = edge_calls.mint(edge, service=name, user=alice.name, role=alice.name)
    with connect(stack, made, alice.name, tmp_path) as connection:
        seen = connection.execute(
            "select client_dn, client_serial from pg_stat_ssl where pid = pg_backend_pid()"
        )
        assert seen.fetchone() == (f"/CN={alice.name}", int(made.serial, 16))
    with pytest.raises(psycopg.OperationalError, match="certificate authentication failed"):
        connect(stack, made, "postgres", tmp_path)


def test_who_logged_out_gets_no_certificate(stack, edge):
    alice = stack.person()
    name = service(stack, alice)
    alice.ok("logout")
    with pytest.raises(DeniedError, match="no certificate is minted") as caught:
        edge_calls.mint(edge, service=name, user=alice.name, role=alice.name)
    assert caught.value.hint == "the person is not logged in"
