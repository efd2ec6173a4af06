"""`pgward.connect` in programs, against real servers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

import pgward
from tests.fixtures.agent_process import agent
from tests.fixtures.ca import environment
from tests.fixtures.edge_process import eventually

pytestmark = pytest.mark.integration
WHO = "select current_user || ' ' || client_dn from pg_stat_ssl where pid = pg_backend_pid()"
_PROGRAM = """
import json, os, sys
import pgward
service, rounds = sys.argv[1], int(sys.argv[2])
ask = {who!r}
with pgward.connect(service, autocommit=True) as session:
    print(json.dumps([session.execute(ask).fetchone()[0], os.getpid()]), flush=True)
    for _ in range(rounds):
        child = os.fork()
        if child == 0:
            with pgward.connect(service) as own:
                print(json.dumps([own.execute(ask).fetchone()[0], os.getpid()]), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    print(json.dumps([session.execute(ask).fetchone()[0], os.getpid()]), flush=True)
    if rounds == 0:
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def service(stack, person):
    return stack.service(person)


@pytest.fixture(scope="module")
def who(person):
    return f"{person.name} /CN={person.name}"


@pytest.fixture(scope="module", autouse=True)
def _at_home(person):
    """This process is the person's program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGWARD_HOME", str(person.home))
        yield
        pgward.close()
        assert tunnels(os.getpid()) == []


def tunnels(pid: int) -> list[psutil.Process]:
    """The tunnels that live as long as a process."""
    wanted = ["--for-pid", str(pid)]
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if wanted == words[-2:] and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def test_psycopg(service, who):
    with pgward.connect(service, autocommit=True) as session:
        assert session.execute(WHO).fetchone() == (who,)
        assert session.info.parameter_status("server_version")
    assert len(tunnels(os.getpid())) == 1


def test_asynchronous_drivers(service, who):
    async def main() -> list[str]:
        async with await pgward.connect_async(service) as session:
            first = (await (await session.execute(WHO)).fetchone())[0]
        other = await pgward.connect_async(service, driver="asyncpg")
        second = await other.fetchval(WHO)
        await other.close()
        return [first, second]

    assert asyncio.run(main()) == [who, who]


def test_sqlalchemy(service, who):
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=pgward.creator(service))
    with engine.connect() as session:
        assert session.scalar(sqlalchemy.text(WHO)) == who
    engine.dispose()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_sqlalchemy_with_asyncio(service, who, driver):
    async def main() -> str:
        create = pgward.async_creator(service, driver=driver)
        engine = create_async_engine(f"postgresql+{driver}://", async_creator=create)
        async with engine.connect() as session:
            found = await session.scalar(sqlalchemy.text(WHO))
        await engine.dispose()
        return found

    assert asyncio.run(main()) == who


def test_many_threads_share_one_tunnel(service, who):
    def ask(_number: int) -> str:
        with pgward.connect(service) as session:
            return session.execute(WHO).fetchone()[0]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(24))) == {who}
    assert len(tunnels(os.getpid())) == 1


def test_a_tunnel_that_is_killed_is_opened_again(service, who):
    with pgward.connect(service) as session:
        session.execute("select 1")
    (before,) = tunnels(os.getpid())
    before.kill()
    eventually(lambda: not tunnels(os.getpid()))
    with pgward.connect(service) as session:
        assert session.execute(WHO).fetchone() == (who,)


def program(person, service: str, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", _PROGRAM.format(who=WHO), service, str(rounds)]
    return subprocess.Popen(
        command,
        env=environment(person.home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_forked_children_have_tunnels_of_their_own(person, service, who):
    with program(person, service, 1) as running:
        said, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "")
    lines = [json.loads(line) for line in said.splitlines()]
    assert [each[0] for each in lines] == [who] * 3
    assert lines[0][1] == lines[2][1] != lines[1][1]
    for _, pid in lines:
        eventually(lambda pid=pid: tunnels(pid) == [], what="a tunnel outlives its process")


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_the_tunnel_ends_with_the_program(person, service, end):
    with program(person, service, 0) as running:
        _, pid = json.loads(running.stdout.readline())
        assert len(tunnels(pid)) == 1
        if end is None:
            running.stdin.close()
        else:
            running.send_signal(end)
        assert running.wait(20) == (0 if end is None else -end)
        eventually(lambda: tunnels(pid) == [], what="the tunnel outlives its program")
        assert running.stderr.read() == ""


def test_an_agent_that_runs_holds_the_tunnel(stack, monkeypatch):
    other = stack.person()
    service = stack.service(other)
    with agent(other) as holder, monkeypatch.context() as patch:
        patch.setenv("PGWARD_HOME", str(other.home))
        before = tunnels(os.getpid())
        with pgward.connect(service) as session:
            assert session.execute(WHO).fetchone() == (f"{other.name} /CN={other.name}",)
        (row,) = other.data("status")
        assert (row["service"], row["pid"]) == (service, holder.process.pid)
        assert tunnels(os.getpid()) == before


def test_what_the_edge_says_is_raised(stack, person):
    """A tunnel that cannot be opened tells why, as an exception."""
    service = stack.service(person)
    stack.site.api.post(f"/v1/users/{person.name}/block", {"reason": "left"})
    with pytest.raises(pgward.PgwardError):
        pgward.connect(service)
