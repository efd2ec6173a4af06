"""Passwords of accounts of real servers, changed by an account of few rights."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgward.ca.secrets import kept
from pgward.connector.accounts import change
from pgward.core.errors import DeniedError
from pgward.system.postgres import Cluster, temporary_cluster
from tests.fixtures.ca_service import SEALER
from tests.fixtures.calling import Calling
from tests.fixtures.integrations import declare

pytestmark = pytest.mark.integration
NEW, FORMER = "new-Canary-12345", "former-Canary-12"


class Ca:
    def __init__(self) -> None:
        self.ended: list[dict[str, Any]] = []

    def call(self, _method: str, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/begin"):
            new, former = (b64encode(each.encode()).decode() for each in (NEW, FORMER))
            return {"version": 2, "value": new, "former": former}
        self.ended.append(fields)
        return {}


class Server:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.host = str(cluster.socket_dir)

    def connect(self, _database: str | None = None) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.host,
            port=self.cluster.port,
            user="pgward_connector",
            dbname="postgres",
            autocommit=True,
        )

    def log_in(self, user: str, password: str, _database: str | None = None) -> None:
        """Over TCP, where the server asks for the password."""
        try:
            psycopg.connect(
                host="127.0.0.1",
                port=self.cluster.port,
                user=user,
                password=password,
                dbname="postgres",
            ).close()
        except psycopg.OperationalError as error:
            raise DeniedError(str(error)) from error


def set_up(cluster: Cluster) -> None:
    cluster.psql("create role pgward_connector login createrole")
    cluster.psql(f"create role app login password '{FORMER}'")
    cluster.psql("alter system set log_statement = 'all'")
    cluster.reload()
    if cluster.version >= 16:
        cluster.psql("grant app to pgward_connector with admin option")


def check(cluster: Cluster) -> None:
    server, ca = Server(cluster), Ca()
    server.log_in("app", FORMER)

    assert change(ca, server, "shop-db", "app")

    server.log_in("app", NEW)
    with pytest.raises(DeniedError):
        server.log_in("app", FORMER)
    assert ca.ended == [{"integration": "shop-db", "user": "app", "version": 2}]
    assert NEW not in cluster.log_path.read_text()


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with temporary_cluster() as cluster:
        set_up(cluster)
        yield cluster


def test_a_password_changes_and_is_in_no_log(server: Cluster) -> None:
    check(server)


def test_what_the_account_may_not_do_is_told(server: Cluster) -> None:
    ca = Ca()

    assert not change(ca, Server(server), "shop-db", "postgres")

    assert "must be superuser" in ca.ended[0]["failure"] or "permission" in ca.ended[0]["failure"]


def test_an_account_that_cannot_log_in_keeps_its_password(server: Cluster) -> None:
    ca = Ca()
    server.psql(f"create role idle nologin password '{FORMER}'")

    assert not change(ca, Server(server), "shop-db", "idle")

    assert "not permitted to log in" in ca.ended[0]["failure"]
    server.psql("alter role idle login")
    Server(server).log_in("idle", FORMER)


@pytest.mark.matrix
def test_every_version_takes_it(pg_each: Cluster) -> None:
    set_up(pg_each)
    check(pg_each)


def test_the_ca_and_the_server_have_the_same_password_in_the_end(
    api: Any, admin: Any, edge: Any, server: Cluster
) -> None:
    server.psql("create role shop_app login password 'of yesterday'")
    declare(admin, accounts=[{"user": "shop_app", "secret": "shop-app"}])
    value = b64encode(b"of yesterday").decode()
    admin.call("POST", "/v1/secrets", {"name": "shop-app", "value": value})
    admin.call("POST", "/v1/secrets/shop-app/change", {})

    assert change(Calling(edge), Server(server), "shop-db", "shop_app")

    with api.store.read() as connection:
        password = kept.read(connection, SEALER, "shop-app").value.decode()
    Server(server).log_in("shop_app", password)
    with pytest.raises(DeniedError):
        Server(server).log_in("shop_app", "of yesterday")
