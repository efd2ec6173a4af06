import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from pgward.core.errors import InvalidInputError
from pgward.hba import file_options
from pgward.hba.check.live import Live
from pgward.hba.decide.connection import World
from pgward.hba.explain_commands import explain
from pgward.hba.server.files import of_names
from pgward.hba.syntax.versions import Abilities

HBA = "local all all peer\nhost all all 127.0.0.1/32 md5\nhostssl all +team 10.0.0.0/8 cert map=m\n"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "hba").write_text(HBA)
    (tmp_path / "ident").write_text("m /^(.*)@x$ \\1\n")

    def run(*words: str):
        files = ["--hba-file", str(tmp_path / "hba"), "--ident-file", str(tmp_path / "ident")]
        result = CliRunner().invoke(
            explain, [*files, "--pg-version", "16", "--user", "ann", *words]
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


IN = ("--address", "10.1.2.3", "--tls", "--cert-cn", "ann@x", "--member", "team")


def test_a_connection_that_gets_in(run, tmp_path) -> None:
    result = run(*IN)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"{'LINE':<{len(str(tmp_path)) + 6}}  WHAT OF IT",
        f"{tmp_path}/hba:1  it is for the Unix socket",
        f"{tmp_path}/hba:2  the address is another",
        f"{tmp_path}/hba:3  decides: hostssl all +team 10.0.0.0/8 cert map=m",
        "",
        "it wants a valid client certificate whose CN is mapped to ann by m",
        f"let in, by {tmp_path}/ident:1",
    ]


def test_the_same_as_facts(run) -> None:
    found = json.loads(run(*IN, "-o", "json").output)
    assert (found["let_in"], found["decides"].endswith("hba:3")) == (True, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--address", "10.1.2.3", "--tls", "--member", "team"), "a valid client certificate is"),
        (("--address", "10.1.2.3"), "no line matches"),
        (("--address", "127.0.0.1"), "the password is wrong or missing"),
        (("--address", "local", "--system-user", "bob"), "who the system says"),
        (("--address", "127.0.0.1", "--replication", "--password"), "no line matches"),
    ],
)
def test_connections_that_do_not(run, words, said) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert said in result.output.splitlines()[-1]


def test_peer_and_a_password(run) -> None:
    assert run("--address", "local", "--system-user", "ann").exit_code == 0
    assert run("--address", "127.0.0.1", "--password", "--gss").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--address", "here"), "'here' is no IP address"),
        (("--address", "::1", "--tls", "--gss"), "not with both"),
        (("--address", "::1", "--cert-cn", "x"), "no client certificate without TLS"),
    ],
)
def test_what_makes_no_sense(run, words, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        run(*words)


def test_what_cannot_be_told_is_said(run, tmp_path) -> None:
    (tmp_path / "ident").write_text("m /(a|ab)@ \\1\n")
    with pytest.raises(InvalidInputError, match="cannot be told from the files alone"):
        run(*IN[:-3], "ab@x", "--member", "team")


def test_a_running_server_knows_its_groups(monkeypatch, tmp_path) -> None:
    (tmp_path / "hba").write_text("host all +team all trust\n")
    world = World({"ann": frozenset({"team"}), "team": frozenset(), "bob": frozenset()})
    live = Live(changed={"/hba": "changed"}, unseen=["x was not seen"], world=world)
    found = replace(of_names(tmp_path / "hba", Abilities(16)), live=live)
    monkeypatch.setattr(file_options, "read_server", lambda _: found)

    def ask(*words: str):
        return CliRunner().invoke(explain, ["--dsn", "host=h", "--address", "10.0.0.1", *words])

    assert ask("--user", "ann").exit_code == 0
    assert ask("--user", "bob").exit_code == 1
    assert ask("--user", "bob", "--member", "team").exit_code == 0
    unknown = ask("--user", "eve")
    assert unknown.exit_code == 1
    assert unknown.stderr.splitlines() == [
        "there is no role 'eve' at the server",
        "x was not seen",
        "/hba changed",
    ]


def test_of_another_dialect(tmp_path) -> None:
    (tmp_path / "hba").write_text("host all all 10.0.0.0/8 cert\n")
    words = ["--dialect", "cockroachdb", "--hba-file", str(tmp_path / "hba"), "--user", "ann"]
    words += ["--address", "10.0.0.9"]
    told = CliRunner().invoke(explain, [*words, "--tls", "--cert-cn", "Ann"])
    assert (told.exit_code, told.output.splitlines()[-1]) == (0, "let in")
    told = CliRunner().invoke(explain, words)
    assert told.output.splitlines()[-1] == "the server takes nobody over the network without TLS"
    told = CliRunner().invoke(explain, [*words, "--accept-sql-without-tls"])
    assert told.output.splitlines()[-1] == (
        "the method cannot be used over this kind of connection"
    )
    with pytest.raises(InvalidInputError, match="CockroachDB has no physical replication"):
        CliRunner().invoke(explain, [*words, "--replication"], catch_exceptions=False)
