"""A server of each version, asked by SQL alone: what it shows, to whom, and what it hides."""

import json
import os
import subprocess
import sys

import pytest
import trustme

from pgward.core.errors import DeniedError
from pgward.hba.check.catalogue import check
from pgward.hba.check.subject import Subject
from pgward.hba.live.conninfo import Target
from pgward.hba.live.psql import Psql
from pgward.hba.live.reading import read_server
from pgward.hba.server.files import ServerFiles
from pgward.hba.syntax import mappings, rules
from pgward.system.postgres import Cluster

HOSTILE = [
    "a\x1fb",
    'q"uo,te',
    "new\nline",
    "'; drop role postgres; --",
    "\\echo",
    "\u202eevil",
    "$$",
]
HBA = r"""
local all all trust
host "a b","c,d",@dbs all 10.1.2.3/9 md5
host all +grp,"q""uo,te" 10.0.0.0 255.0.255.0 scram-sha-256
host replication all .x.test reject
hostssl sameuser,samerole all ::1/64 scram-sha-256 clientcert={any}
hostssl all all samenet cert map="m 1"
hostnossl all all samehost reject
host all all all radius radiusservers="127.0.0.1" radiussecrets="s"
"""
IDENT = 'm1 /^(.*)@x$ \\1\n"m 1" "a b" ann\n'


def ask(cluster: Cluster, user: str) -> ServerFiles:
    where = f"host={cluster.socket_dir} port={cluster.port} user={user} dbname=postgres"
    return read_server(Psql(Target(where)))


def write(cluster: Cluster, **texts: str) -> None:
    for name, text in texts.items():
        (cluster.data_dir / f"{name}.conf").write_text(text, encoding="utf-8")


def write_server_pair(cluster: Cluster) -> None:
    made = trustme.CA().issue_cert("localhost")
    made.cert_chain_pems[0].write_to_path(cluster.data_dir / "server.crt")
    key = cluster.data_dir / "server.key"
    made.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    owner = cluster.data_dir.stat()
    os.chown(key, owner.st_uid, owner.st_gid)


def ids(found: ServerFiles) -> set[str]:
    subject = Subject(found.able, found.hba, found.ident, found.settings, live=found.live)
    return {each.rule for each in check(subject)}


@pytest.mark.integration
def test_what_is_shown_to_whom(pg_each: Cluster) -> None:
    version = pg_each.version
    any_ = "1" if version == 11 else "verify-ca"
    (pg_each.data_dir / "dbs").write_text("db1 @more\n", encoding="utf-8")
    (pg_each.data_dir / "more").write_text("db2\n", encoding="utf-8")
    write(pg_each, pg_hba=HBA.format(any=any_), pg_ident=IDENT)
    for name in HOSTILE:
        quoted = name.replace('"', '""')
        pg_each.psql(f'create role "{quoted}" login in role pg_monitor')
    pg_each.psql("create role grp; create role least login; create role views login in role grp")
    pg_each.psql(
        "grant select on pg_hba_file_rules, pg_file_settings to views;"
        "grant execute on function pg_hba_file_rules(), pg_show_all_file_settings() to views;"
        "grant pg_read_all_settings to views"
    )
    if version >= 15:
        pg_each.psql(
            "grant select on pg_ident_file_mappings to views;"
            "grant execute on function pg_ident_file_mappings() to views"
        )
    whole = ask(pg_each, "postgres")
    assert set(HOSTILE) <= {each.name for each in whole.live.roles}
    assert whole.live.world.is_member("views", "grp")
    assert whole.live.unseen == []

    with pytest.raises(DeniedError, match=r"the role least may not see pg_hba\.conf"):
        ask(pg_each, "least")

    seen = ask(pg_each, "views")
    able = whole.able
    assert [plain(rules.read(each.fields, able)) for each in seen.hba] == [
        plain(rules.read(each.fields, able)) for each in whole.hba
    ]
    assert [str(each.place) for each in seen.hba] == [str(each.place) for each in whole.hba]
    assert seen.has_ident == (version >= 15)
    if version >= 15:
        assert [mappings.read(each.fields, able) for each in seen.ident] == [
            mappings.read(each.fields, able) for each in whole.ident
        ]
    assert {each.setting.key for each in seen.settings} == {
        each.setting.key for each in whole.settings
    }
    assert any("the files themselves" in each for each in seen.live.unseen)


def plain(rule: rules.Rule) -> tuple[object, ...]:
    """What the view shows of a rule: no bits beyond a mask, and ``clientcert`` with cert, too."""
    options = {*rule.options} - {("clientcert", "verify-full"), ("clientcert", "1")}
    words = [each.text for each in (*rule.databases, *rule.roles)]
    certificate = "clientcert" in dict(rule.options) or rule.method == "cert"
    return rule.kind, words, str(rule.address), rule.method, options, certificate


@pytest.mark.integration
def test_a_reload_that_failed_is_found(pg_each: Cluster) -> None:
    data = pg_each.data_dir
    write_server_pair(pg_each)
    with (data / "postgresql.conf").open("a") as file:
        file.write("ssl = on\n")
    pg_each.reload()
    pg_each.psql("select pg_sleep(1.1)")  # times of files are whole seconds
    hba = (data / "pg_hba.conf").read_text()
    write(pg_each, pg_hba=f"{hba}hostssl all all 10.0.0.0/8 md5 clientcert=1\n")
    with (data / "postgresql.conf").open("a") as file:
        file.write("max_connections = 7\nssl_ciphers = 'HIGH'\nwork_mem = 'many'\n")
    found = ask(pg_each, "postgres")
    assert {str(data / "pg_hba.conf"), str(data / "postgresql.conf")} == set(found.live.changed)
    refused = [each.what for each in found.live.refused]
    if pg_each.version >= 14:
        (why,) = refused
        assert "its error is NULL" in why
        assert "HBA081" in ids(found)
    else:
        assert refused == []
    assert [each.what for each in found.live.refused_settings] == [
        "work_mem: setting could not be applied"
    ]
    assert [each.what for each in found.live.pending] == ["max_connections is still '100'"]
    assert {"HBA080", "HBA082", "HBA083"} <= ids(found)


@pytest.mark.integration
def test_the_command_and_the_password(pg: Cluster) -> None:
    """Over TCP with a password, which is in no process's arguments."""
    pg.psql("create role dba superuser login password 's3cr3t'")
    dsn = f"postgresql://dba:s3cr3t@127.0.0.1:{pg.port}/postgres"
    found = run("check", "--dsn", dsn, "--fail-on", "never", "-o", "json")
    assert found.returncode == 0, found.stderr
    wrong = run("check", "--dsn", dsn.replace("s3cr3t", "wr0ng"))
    assert wrong.returncode == 1
    assert "password authentication failed" in wrong.stderr
    assert "wr0ng" not in wrong.stderr
    explained = run("explain", "--dsn", dsn, "--user", "dba", "--address", "local")
    assert "let in" in explained.stdout
    ways = json.loads(run("ways", "--dsn", dsn, "--database", "postgres", "-o", "json").stdout)
    (only,) = ways["ways"]
    assert only["roles"] == ["dba", "postgres"]
    weakest = {channel: ends["weakest"]["strength"] for channel, ends in only["over"].items()}
    assert weakest == {"socket": "nothing", "loopback": "scram"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pgward", "hba", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
