import json
import os
import stat
from pathlib import Path

import pytest

from pgward.core.errors import UnavailableError
from pgward.tunnel.agent import client as agent
from tests.fixtures.services import entry, offer, running


@pytest.fixture
def run(logged_in, fake_ca, monkeypatch, tmp_path):
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.chdir(tmp_path)
    offer(fake_ca, entry("orders"), entry("billing", ssl_mode="disable"))
    return logged_in


@pytest.fixture
def current(tmp_path):
    return tmp_path / "home" / "identity" / "current"


def test_show_prints_a_connection_string(run, current):
    done = run("config", "show", "orders")
    assert (done.exit_code, done.stderr) == (
        0,
        "the tunnel is not open: pgward connect orders --detach\n",
    )
    fields = dict(word.split("=", 1) for word in done.stdout.split())
    assert fields["sslkey"] == str(current / "login.key")
    assert (fields["host"], fields["hostaddr"]) == ("db1.test", "127.0.0.1")


def test_show_for_a_driver_that_cannot_verify_all(run):
    done = run("config", "show", "orders", "--for", "jdbc")
    assert done.stdout.startswith("jdbc:postgresql://127.0.0.1:")
    assert "note: jdbc cannot verify the name db1.test at 127.0.0.1" in done.stderr


def test_show_the_native_way(run):
    done = run("config", "show", "orders", "--for", "jdbc", "--native", "--port", 5433)
    assert done.stdout.startswith("jdbc:postgresql://db1.test:5433/app?")
    assert "sslmode=verify-full" in done.stdout
    assert done.stderr == ""


def test_facts_for_other_programs(run, current):
    done = run("config", "show", "orders", "--native", "-o", "json")
    assert json.loads(done.stdout) == {
        "service": "orders",
        "host": "db1.test",
        "hostaddr": None,
        "port": 5432,
        "user": "alice",
        "database": "app",
        "sslmode": "verify-full",
        "sslcert": str(current / "login.crt"),
        "sslkey": str(current / "login.key"),
        "sslrootcert": str(current / "ca.crt"),
        "sslkey_der": str(current / "login.pk8"),
        "pkcs12": str(current / "login.p12"),
    }


def test_no_secret_is_shown(run):
    shown = run("config", "show", "orders", "--for", "dbeaver").stdout
    assert "PRIVATE KEY" not in shown
    assert "token" not in shown


def test_host_and_port_belong_to_the_native_way(run):
    done = run("config", "show", "orders", "--port", 5433)
    assert done.exit_code == 2
    assert "--host and --port go with --native" in done.stderr


def test_an_identity_without_the_wanted_form_of_its_key(run, current):
    (current / "login.pk8").unlink()
    done = run("config", "show", "orders", "--for", "dbeaver")
    assert done.exit_code == 1
    assert f"{current / 'login.pk8'} is not there yet" in done.stderr
    assert "hint: the next renewal makes it, or: pgward login" in done.stderr
    assert run("config", "show", "orders", "--for", "npgsql").exit_code == 0


def test_written_files_are_the_persons_alone(run, tmp_path):
    done = run("config", "show", "orders", "--for", "env", "--write")
    assert (done.stdout, done.exit_code) == ("", 0)
    path = tmp_path / "orders.env"
    assert done.stderr.startswith("written to orders.env\n")
    assert path.read_text() == run("config", "show", "orders", "--for", "env").stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_replaced_on_demand_only(run, tmp_path):
    path = tmp_path / "mine.env"
    shown = run("config", "show", "orders", "--for", "env", "--write", path, "-o", "json")
    assert json.loads(shown.stdout)["service"] == "orders"
    assert "export PGHOST=db1.test" in path.read_text()
    path.write_text("mine\n")
    wanted = ("config", "show", "orders", "--for", "env", "--write", path)
    done = run(*wanted)
    assert done.exit_code == 1
    assert f"{path} is there already" in done.stderr
    assert path.read_text() == "mine\n"
    assert f"written to {path}" in run(*wanted, "--force").stderr
    assert f"{path} is so already" in run(*wanted).stderr


def test_a_link_is_not_written_through(run, tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(target)
    assert run("config", "show", "orders", "--write", link).exit_code == 1
    assert run("config", "show", "orders", "--write", link, "--force").exit_code == 0
    assert target.read_text() == "precious"
    assert not link.is_symlink()


def test_install_tells_what_it_did(run, tmp_path):
    done = run("config", "install", "--all", "-o", "json")
    rows = {row["service"]: row for row in json.loads(done.stdout)}
    assert {name: (row["state"], row["use"]) for name, row in rows.items()} == {
        "billing": ("added", "psql service=billing"),
        "orders": ("added", "psql service=orders"),
    }
    assert rows["orders"]["connects_to"].startswith("127.0.0.1:")
    assert "tunnels that are not open: billing, orders; pgward connect opens one" in done.stderr
    assert stat.S_IMODE((tmp_path / "services").stat().st_mode) == 0o600
    gone = json.loads(run("config", "uninstall", "-o", "json").stdout)
    assert {row["service"]: row["state"] for row in gone} == dict.fromkeys(rows, "removed")
    assert not (tmp_path / "services").exists()


@pytest.fixture
def asked(monkeypatch):
    """An agent that opens every tunnel but that to billing."""
    found = []

    def ask(_home, op, *, service=None, **_fields):
        if op == "ping":
            return {"pid": 1}
        found.append((op, service))
        if service == "billing":
            raise UnavailableError("no edge answers")
        held = running(service, "/run/x" if service == "socket" else "127.0.0.1", 17000)
        return {"running": {name: getattr(held, name) for name in held.__slots__}}

    monkeypatch.setattr(agent, "ask", ask)
    return found


def test_an_agent_opens_what_was_named(run, asked):
    done = run("config", "install", "orders", "billing")
    assert asked == [("connect", "billing"), ("connect", "orders")]
    assert done.stderr == (
        "the agent cannot open the tunnel to billing now: no edge answers\n"
        "the agent holds the tunnel to orders open, at 127.0.0.1:17000\n"
    )
    assert done.exit_code == 0


def test_an_agents_tunnel_on_a_unix_socket_does_not_help(run, asked, fake_ca):
    offer(fake_ca, entry("socket"))
    done = run("config", "install", "socket")
    assert asked == [("connect", "socket")]
    assert done.stderr == "the agent holds the tunnel to socket on a Unix socket, not on a port\n"


def test_an_agent_opens_the_others_when_it_sees_them(run, asked):
    done = run("config", "install", "--all")
    assert done.stderr == "the agent opens now: billing, orders\n"
    run("config", "install")
    run("config", "install", "orders", "--native")
    assert asked == []


def test_an_agent_that_hangs_hinders_no_section(run, monkeypatch):
    def ask(_home, _op, **_fields):
        raise UnavailableError("the agent does not answer", hint=agent.HANGS_HINT)

    monkeypatch.setattr(agent, "ask", ask)
    done = run("config", "install", "--all")
    assert done.exit_code == 0
    assert done.stderr == (
        "the agent does not answer: pgward agent stop, then pgward agent start\n"
        "tunnels that are not open: billing, orders; pgward connect opens one\n"
    )


def test_install_as_a_table(run):
    lines = run("config", "install", "orders", "--native").stdout.splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == ["SERVICE", "orders"]
    assert lines[1].split() == ["orders", "added", "db1.test:5432", "psql", "service=orders"]


def test_install_what(run):
    for words in ((), ("--native",)):
        done = run("config", "install", *words)
        assert done.exit_code == 2
        assert "name a service, or use --all" in done.stderr
    done = run("config", "install", "--all", "--native", "--host", "10.0.0.1")
    assert "--host goes with one service" in done.stderr


def test_readers_of_yesterday_are_thought_of(run, tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 200) / ("e" * 30)
    deep.parent.mkdir()
    (tmp_path / "home").rename(deep)
    monkeypatch.setenv("PGWARD_HOME", str(deep))
    done = run("config", "install", "orders")
    assert "note: libpq 13 and older cannot read service files with lines this long" in done.stderr


def test_uninstalling_nothing(run):
    assert run("config", "uninstall").stderr == "there was no section\n"


def test_nobody_is_logged_in(pgward):
    for words in (("show", "orders"), ("install", "--all")):
        done = pgward("config", *words)
        assert done.exit_code == 4
        assert "you are not logged in" in done.stderr


def test_a_device_is_written_to_and_stays(run):
    done = run("config", "show", "orders", "--for", "env", "--write", os.devnull)
    assert done.exit_code == 0, done.stderr
    assert Path(os.devnull).is_char_device()
