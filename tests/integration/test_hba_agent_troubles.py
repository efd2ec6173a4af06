"""``pgward hba agent`` while the CA hangs, the clock jumps, PostgreSQL freezes or is another."""

import contextlib
import json
import shutil
import signal

import psutil
import psycopg
import pytest

from tests.fixtures.ca_process import pgward
from tests.fixtures.hba_agent import ClockedAgent
from tests.fixtures.hba_host import audit, connect, cuts, lives, person, ready
from tests.fixtures.outages import postmaster_id
from tests.fixtures.standby import streaming
from tests.fixtures.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.soak]
SECONDS = 5.0  # that the product promises, from the revocation to the end of a session


def owner(cluster) -> tuple[int, int]:
    status = cluster.directory.stat()
    return status.st_uid, status.st_gid


def block(site, who) -> None:
    site.api.post(f"/v1/users/{who.name}/block", {"reason": "test"})


def is_revoked(cluster, who) -> bool:
    """Tell whether the server refuses a new session, as the list that it has says."""
    try:
        connect(cluster, who).close()
    except psycopg.OperationalError as error:
        return "revoked" in str(error)
    return False


def test_lists_that_nobody_renews_alarm_long_before_they_end(pg, own_site, tmp_path):
    """The agent's clock goes on by days: the lists are made for a week."""
    ready(pg, own_site)
    hook, told = pg.directory / "hook", pg.directory / "told"  # the account of the server gets here
    told.mkdir()
    shutil.chown(told, *owner(pg))
    hook.write_text(f"#!/bin/sh\nenv | grep ^PGWARD_ALARM > {told}/$PGWARD_ALARM_STEP\n")
    hook.chmod(0o755)
    agent = ClockedAgent(pg, tmp_path / "agent.log", "--alarm-command", str(hook))
    with contextlib.closing(agent):
        agent.is_well()
        ends = agent.status()["refuses_at"]
        own_site.ca.stop()
        agent.move(days=3)
        agent.send(signal.SIGHUP)
        eventually(lambda: agent.duty("material")["turns"] > 1)
        assert agent.status()["alarm_step"] == 0
        for days, step in ((4, 1), (6, 2), (8, 10)):
            agent.move(days=days)
            agent.send(signal.SIGHUP)
            eventually(lambda step=step: agent.status()["alarm_step"] == step)
            eventually((told / str(step)).exists)
            eventually(lambda file=told / str(step): "PGWARD_ALARM_STEP=" in file.read_text())
        said = (told / "1").read_text()
        assert "PGWARD_ALARM=raised" in said
        assert f"PGWARD_ALARM_ENDS={ends}" in said
        status = pgward("hba", "agent", "--data-dir", pg.data_dir, "--status", "-o", "json")
        assert status.returncode == 1
        assert json.loads(status.stdout)["alarm_step"] == 10
        assert agent.messages().count("ALARM: the revocation list") == 3
        # The clock is put right, and the CA comes back.
        agent.move()
        own_site.restart()
        agent.send(signal.SIGHUP)
        agent.is_well(60)
        eventually((told / "0").exists)
        eventually(lambda: len([e for e in audit(own_site) if e["action"] == "host.alarm"]) == 4)


def test_a_clock_that_jumps_ends_nothing_and_loses_nothing(pg, site, tmp_path):
    ready(pg, site)
    agent = ClockedAgent(pg, tmp_path / "agent.log")
    with contextlib.closing(agent):
        agent.is_well()
        who, other = person(pg, site), person(pg, site)
        with (
            contextlib.closing(connect(pg, who)) as session,
            contextlib.closing(connect(pg, other)) as stays,
        ):
            for days in (-400, 5):
                agent.move(days=days)
                agent.send(signal.SIGHUP)
                agent.problem("material", "clock", 60)
                assert lives(pg, session)
            # Nothing can be asked of the CA with such a clock; it is said, and soon mended.
            block(site, who)
            agent.move()
            eventually(lambda: not lives(pg, session), 30, "a session goes on")
            assert lives(pg, stays)
        agent.is_well(60)
        eventually(lambda: len(cuts(site, who)) == 1)
        eventually(lambda: is_revoked(pg, who), 60)


def test_a_ca_that_hangs_holds_up_no_other_duty(pg, own_site, agent_of):
    ready(pg, own_site)
    agent = agent_of(pg)
    who, other = person(pg, own_site), person(pg, own_site)
    with (
        contextlib.closing(connect(pg, who)) as session,
        contextlib.closing(connect(pg, other)) as later,
    ):
        # The list comes while no agent runs, and the CA hangs when it is started again.
        agent.kill()
        block(own_site, who)
        refreshed = pgward("hba", "refresh", "--data-dir", pg.data_dir)
        assert refreshed.returncode == 0, refreshed.stderr
        assert lives(pg, session)
        own_site.ca.process.send_signal(signal.SIGSTOP)
        try:
            agent.restart()
            eventually(lambda: not lives(pg, session), SECONDS, "a session goes on")
            eventually(lambda: agent.duty("alarm")["ok"])
            assert not agent.status()["connected"]
            agent.says("the CA gives nothing new", 90)
            assert lives(pg, later)
        finally:
            own_site.ca.process.send_signal(signal.SIGCONT)
        agent.is_well(60)
        block(own_site, other)
        eventually(lambda: not lives(pg, later), SECONDS, "a session goes on")
    for each in (who, other):
        eventually(lambda each=each: len(cuts(own_site, each)) == 1)


def test_a_server_that_freezes(pg, site, agent_of):
    """First its postmaster alone, which lets nobody new in; then all of it."""
    ready(pg, site)
    agent = agent_of(pg)
    postmaster = psutil.Process(postmaster_id(pg))
    who, other = person(pg, site), person(pg, site)
    with (
        contextlib.closing(connect(pg, who)) as session,
        contextlib.closing(connect(pg, other)) as later,
    ):
        backend = psutil.Process(session.info.backend_pid)
        postmaster.suspend()
        try:
            block(site, who)
            backend.wait(SECONDS)
        except psutil.TimeoutExpired:
            assert backend.status() == psutil.STATUS_ZOMBIE  # nobody has waited for it yet
        finally:
            postmaster.resume()
        agent.is_well(120)
        eventually(lambda: is_revoked(pg, who), 60)
        every = [postmaster, *postmaster.children()]
        for each in every:
            each.suspend()
        try:
            block(site, other)
            agent.problem("sessions", "PostgreSQL cannot be asked", 60)
        finally:
            for each in every:
                each.resume()
        eventually(lambda: not lives(pg, later), 30, "a session goes on")
    agent.is_well(120)
    eventually(lambda: is_revoked(pg, other), 60)


def test_another_directory_in_the_place_of_the_old_one(pg, site, agent_of):
    """What pg_upgrade leaves: a new directory, without the agent's files."""
    ready(pg, site)
    agent = agent_of(pg)
    pg.stop()
    old = pg.data_dir.with_name("old")
    pg.data_dir.rename(old)
    shutil.copytree(old, pg.data_dir, ignore=shutil.ignore_patterns("pgward"))
    for path in (pg.data_dir, *pg.data_dir.rglob("*")):
        shutil.chown(path, *owner(pg))
    assert agent.ended(30) == 1
    assert "is not the directory any more that the agent was started for" in agent.messages()
    again = pgward("hba", "agent", "--data-dir", pg.data_dir, "--once")
    assert again.returncode == 2
    assert "not enrolled" in again.stderr


def test_a_standby_and_its_promotion(pg_template, site, agent_of):
    with streaming(pg_template, synchronous=False) as pair:
        ready(pair.primary, site)
        who, other = person(pair.primary, site), person(pair.primary, site)
        pair.wait_for_standby()
        ready(pair.standby, site)
        agent = agent_of(pair.standby)
        with contextlib.closing(connect(pair.standby, who)) as session:
            block(site, who)
            eventually(lambda: not lives(pair.standby, session), SECONDS, "a session goes on")
        with contextlib.closing(connect(pair.standby, other)) as session:
            pair.kill_primary()
            pair.promote()
            eventually(lambda: pair.standby.psql("select pg_is_in_recovery()") == "f")
            assert lives(pair.standby, session)
            block(site, other)
            eventually(lambda: not lives(pair.standby, session), SECONDS, "a session goes on")
        agent.is_well()
