import json

import pytest
from click.testing import CliRunner

from pgward.core.errors import InvalidInputError
from pgward.hba import file_options
from pgward.hba.check.live import Live, Role
from pgward.hba.decide.connection import World
from pgward.hba.server.files import of_names
from pgward.hba.syntax.versions import Abilities
from pgward.hba.ways_commands import ways

HBA = """local all all peer
hostssl shop +team 10.0.0.0/8 scram-sha-256
hostssl all all 10.0.0.0/8 cert map=m
host all all samehost md5
host all all 127.0.0.1/32 md5
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "hba").write_text(HBA)
    (tmp_path / "ident").write_text("m /^(.*)@x$ \\1\n")

    def run(*words: str, code: int = 0):
        files = ["--hba-file", str(tmp_path / "hba"), "--ident-file", str(tmp_path / "ident")]
        result = CliRunner().invoke(ways, [*files, "--pg-version", "16", *words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code
        return result

    return run


def test_a_table(run, tmp_path) -> None:
    lines = run("--member", "ann=team").output.splitlines()
    assert lines[0].split() == ["OVER", "ROLES", "DATABASES", "WEAKEST", "WAY", "IN", "STRONGEST"]
    (scram,) = [each for each in lines if "scram from 10.0.0.0/8" in each]
    assert "ann, (any member of team)  shop" in scram
    assert f"({tmp_path}/hba:2)" in scram


@pytest.mark.parametrize(
    ("conf", "channels"),
    [
        ("listen_addresses = ''", ["socket"]),
        ("ssl = off", ["loopback", "socket"]),
        ("listen_addresses = '127.0.0.1, ::1, localhost'", ["loopback", "socket"]),
        ("listen_addresses = '10.0.0.1'\nssl = on", ["loopback", "network", "socket"]),
    ],
)
def test_what_the_server_does_not_offer_is_no_way(run, tmp_path, conf, channels) -> None:
    (tmp_path / "conf").write_text(f"{conf}\n")
    found = run("--conf-file", str(tmp_path / "conf")).output.splitlines()
    assert sorted({each.split()[0] for each in found[1:]} - {"-"}) == channels


def test_facts_of_some(run) -> None:
    found = json.loads(run("--role", "(any other role)", "-o", "json").stdout)
    (only,) = found["ways"]
    assert (only["roles"], found["pg_version"]) == (["(any other role)"], 16)
    with pytest.raises(InvalidInputError, match="there is no database 'x'") as caught:
        run("--database", "x")
    assert "shop" in caught.value.hint


def test_too_weak_fails(run) -> None:
    assert "weaker than scram: every role" in run("--fail-under", "scram", code=1).stderr
    run("--fail-under", "md5")


def test_maps_that_were_not_looked_at_count_as_ways(tmp_path) -> None:
    (tmp_path / "hba").write_text("hostssl all all all cert map=m\n")
    files = ["--hba-file", str(tmp_path / "hba"), "--pg-version", "16"]
    result = CliRunner().invoke(ways, files)
    assert "certificate from anywhere" in result.stdout
    assert "each map may lead to every role" in result.stderr


def test_a_picture(run, tmp_path) -> None:
    run("--svg", str(tmp_path / "ways.svg"))
    assert (tmp_path / "ways.svg").read_text().startswith("<svg ")


def test_members_are_pairs(run) -> None:
    with pytest.raises(InvalidInputError, match="is not ROLE=GROUP"):
        run("--member", "ann")


def test_a_running_server_knows_who_there_is(monkeypatch, tmp_path) -> None:
    (tmp_path / "hba").write_text("host all all all md5\nlocal replication all peer\n")
    files = of_names(tmp_path / "hba", Abilities(16))
    roles = [Role("ann"), Role("group", can_login=False), Role("boss", is_superuser=True)]
    world = World({each.name: each.member_of for each in roles})
    live = Live(roles, ["shop"], changed={"/hba": "changed"}, unseen=["x"], world=world)
    object.__setattr__(files, "live", live)
    monkeypatch.setattr(file_options, "read_server", lambda _: files)
    result = CliRunner().invoke(ways, ["--dsn", "host=h", "-o", "json"])
    found = json.loads(result.stdout)["ways"]
    assert [each["roles"] for each in found] == [["ann"], ["ann"], ["boss"], ["boss"]]
    assert [each["databases"] for each in found][-1] == ["(physical replication)"]
    assert "/hba changed" in result.stderr
    refused = CliRunner().invoke(ways, ["--dsn", "host=h", "--member", "a=b"])
    assert "--member does not go with --dsn" in str(refused.exception)
