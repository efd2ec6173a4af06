"""Patroni from the example's files: what `hba apply` did lasts through all that Patroni does."""

from pathlib import Path

import pytest

from pgward.hba.install.material import FILES
from pgward.system.postgres import temporary_directory
from tests.fixtures.ca import Person, Site
from tests.fixtures.edge_process import eventually
from tests.fixtures.material import Login, SmallCa, psql
from tests.fixtures.patroni import EXAMPLE, Node, PatroniCluster, patroni

pytestmark = [pytest.mark.integration, pytest.mark.soak]
STATE = "/var/lib/pgward"
PASSWORD = ("--auth", "cert-or-scram", "--password-role", "rewinder")


def where(node: Node) -> tuple[str, ...]:
    return "--data-dir", node.data_dir, "--state-dir", STATE


def written(node: Node) -> tuple[str, ...]:
    """What changes the configuration names the file that Patroni leaves alone."""
    return *where(node), "--config-file", f"{node.data_dir}/postgresql.base.conf"


def set_up(node: Node, site: Site) -> None:
    """As the documentation says it, on each node."""
    body = {"kind": "host", "name": site.unique(node.name), "dns": [f"{node.name}.test"]}
    token = str(site.api.post("/v1/tokens", body)["token"])
    node.place.ok("install", "-d", "-o", "postgres", "-g", "postgres", "-m", "700", STATE)
    words = (*written(node), "--dns", f"{node.name}.test", "--token-file", "-", *PASSWORD)
    done = node.place.pgward("hba", "apply", *words, stdin=token)
    assert "the running server took it" in done.stderr, done.stderr


def enters(node: Node, who: Person) -> bool:
    """Whether the certificate gets in, at a server that shows the node's own name."""
    return psql(conninfo(node, who)).stdout == f"{who.name}\n"


def conninfo(node: Node, who: Person, **more: str) -> str:
    current = who.home / "identity" / "current"
    login = Login(None, *(current / name for name in ("login.crt", "login.key", "ca.crt")))
    fields = {"host": f"{node.name}.test", "hostaddr": node.address, **more}
    return login.conninfo(node.port, who.name, **fields)


def all_is_well(cluster: PatroniCluster, who: Person, primary: Node) -> None:
    for node in cluster.nodes:
        node.is_running("primary" if node is primary else "replica")
        eventually(lambda node=node: enters(node, who), 30, f"{psql(conninfo(node, who))}")
        assert "client certificate" in psql(conninfo(node, who, sslcert="", sslkey="")).stderr
        done = node.place.pgward("hba", "refresh", *where(node))
        assert done.returncode == 0, done.stderr


def test_through_all_that_patroni_does(pg_bin: Path, own_site: Site) -> None:
    with temporary_directory() as directory, patroni(directory, pg_bin, ["db1", "db2"]) as cluster:
        one, two = cluster.nodes
        alice = own_site.person()
        one.sql(f'create role "{alice.name}" login')
        for node in cluster.nodes:
            set_up(node, own_site)
        all_is_well(cluster, alice, one)

        cluster.ctl("reload", "shop", "--force")
        all_is_well(cluster, alice, one)
        cluster.ctl("restart", "shop", "--force")
        all_is_well(cluster, alice, one)
        cluster.ctl("switchover", "shop", "--leader", "db1", "--candidate", "db2", "--force")
        all_is_well(cluster, alice, two)
        assert "replica has been created using basebackup" not in one.log.read_text()
        cluster.ctl("reinit", "shop", "db1", "--force", "--wait")
        all_is_well(cluster, alice, two)
        assert "replica has been created using basebackup" in one.log.read_text()
        two.crash()
        one.is_running("primary")
        one.sql("create table written_meanwhile ()")
        two.start()
        all_is_well(cluster, alice, one)
        assert "running pg_rewind from db1" in two.log.read_text()
        for node in cluster.nodes:
            done = node.place.pgward("hba", "agent", "--once", *where(node))
            assert (done.returncode, "warning" in done.stdout) == (0, False), done.stderr
            assert "is not known" not in done.stderr, done.stderr


def test_lines_in_patronis_own_configuration(pg_bin: Path, small_ca: SmallCa, tmp_path) -> None:
    """The other example: `patronictl edit-config`, and material that something else brings."""
    alice = small_ca.person(tmp_path / "alice", "alice")
    with temporary_directory() as directory, patroni(directory, pg_bin, ["db1"]) as cluster:
        (node,) = cluster.nodes
        node.sql("create role alice login")
        tls = "/etc/patroni/tls/current"
        node.place.ok("install", "-d", "-o", "postgres", "-m", "700", tls)
        material = small_ca.current()
        for field, name in FILES.items():
            node.place.ok("tee", f"{tls}/{name}", stdin=getattr(material, field).decode())
            node.place.ok("chown", "postgres", f"{tls}/{name}")
            node.place.ok("chmod", "600", f"{tls}/{name}")
        cluster.ctl("edit-config", "shop", "--apply", EXAMPLE.with_name("patroni.yml"), "--force")
        entered = alice.conninfo(node.port, "alice", hostaddr=node.address)
        eventually(lambda: psql(entered).stdout == "alice\n", 30)
        bare = alice.conninfo(node.port, "alice", hostaddr=node.address, sslcert="", sslkey="")
        assert "client certificate" in psql(bare).stderr
        done = node.place.pgward("hba", "apply", *written(node), "--dry-run")
        assert "pg_ident.conf is written by Patroni" in done.stderr, done.stderr
        checked = node.place.pgward("hba", "check", "--data-dir", node.data_dir)
        assert "0 errors" in checked.stdout, checked.stdout
