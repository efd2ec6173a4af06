"""Recordings: what is recorded is played with what was seen, and sessions are ended by the CA."""

import json
from contextlib import suppress

import psycopg
import pytest

from pgward.client.home import Home
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def connect(stack, person):
    paths = Home(person.home).paths

    def make(service, **options):
        fields = {
            "host": f"{service.name}.edge.test",
            "hostaddr": "127.0.0.1",
            "port": stack.edge.port,
            "user": person.name,
            "sslmode": "verify-full",
            "sslcert": paths.cert,
            "sslkey": paths.key,
            "sslrootcert": paths.ca,
        } | options
        return psycopg.connect(psycopg.conninfo.make_conninfo(**fields), autocommit=True)

    return make


def on_disk(directory):
    """Yield what is in an edge's files."""
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):  # it has just been delivered
            if path.is_file():
                yield path.read_bytes()


def session_of(stack, service):
    """Return the newest session of a service, once it is known."""

    def find():
        found = stack.site.api.get(f"/v1/database-sessions?service={service.name}")["sessions"]
        return found[0] if found else None

    return eventually(find)


def whole(stack, session):
    """Wait until the whole recording is at the CA."""

    def complete():
        found = stack.site.api.get(f"/v1/database-sessions/{session}")
        return found["recording"] and found["recording"]["complete"]

    eventually(complete)


def test_a_recording_with_results_is_played_and_exported(stack, person, connect, tmp_path):
    service = stack.aware(person, postgres={"recording": "results"})
    with connect(service) as connection:
        connection.execute("select 'can' || 'ary' || '-on-disk' as word")
        kept = list(on_disk(stack.edge.directory))
        assert any(b"select 'can' || 'ary'" in each for each in kept)
        assert not any(b"canary-on-disk" in each for each in kept)
        connection.execute("select 'crème' as word, n from generate_series(1, 3) as n")
        connection.execute("select %s::int + 1 as sum", (41,))
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("select * from nowhere")
    session = session_of(stack, service)["id"]
    whole(stack, session)
    played = stack.site.admin.ok("sessions", "play", session, "--speed", "0")
    for expected in ("canary-on-disk", "select 'crème' as word", "crème | 3", "(3 rows)",
                     "$1 = '41'", "42", "ERROR 42P01", "the session ended"):  # fmt: skip
        assert expected in played
    path = tmp_path / "session.ndjson"
    stack.site.admin.ok("sessions", "export", session, path)
    kinds = [json.loads(line)["type"] for line in path.read_bytes().splitlines()]
    assert kinds[:2] == ["PIECE", "SESSION_START"]
    assert "RESULT" in kinds
    actions = [each["action"] for each in stack.audit(target=session)]
    assert actions == ["recording.play", "recording.export"]


def test_a_session_is_ended_with_a_reason(stack, person, connect):
    service = stack.aware(person, postgres={"recording": "statements"})
    with connect(service) as connection:
        connection.execute("select 'first'")
        session = session_of(stack, service)["id"]
        stack.site.admin.ok("sessions", "end", session, "--reason", "the maintenance begins")
        with pytest.raises(psycopg.OperationalError, match="the maintenance begins"):
            eventually(lambda: connection.execute("select 1") and None)
    whole(stack, session)
    watched = stack.site.admin.ok("sessions", "play", session, "--follow")
    assert "select 'first'" in watched
    assert "the session ended: the maintenance begins" in watched
    (ended,) = stack.audit(action="database-session.end", target=session)
    assert ended["details"]["reason"] == "the maintenance begins"
    again = stack.site.admin.run("sessions", "end", session)
    assert again.returncode != 0
    assert "that session has ended" in again.stderr


def test_what_is_recorded_of_a_running_session_follows_its_service(stack, person, connect):
    service = stack.aware(person)
    path = f"/v1/resources/service/{service.name}"
    resource = stack.site.api.get(path)["resource"]
    del resource["metadata"]["version"]
    block = resource["spec"]["postgres"]

    def notices(session):
        query = f"?session={session}&type=NOTICE&order=oldest"
        lines = stack.site.api.get_bytes(f"/v1/audit/records{query}").splitlines()
        return [json.loads(line) for line in lines[:-1]]

    def changes(session):
        return [each["details"].get("recording_before", "key") for each in notices(session)]

    with connect(service) as connection:
        connection.execute("select 'before' as word")
        session = session_of(stack, service)["id"]
        told = []
        for level in ("results", "none"):
            told.append(block.get("recording") or "none")
            block["recording"] = level
            stack.site.api.put(path, resource)
            eventually(lambda: changes(session) == told)
            connection.execute(f"select 'with ' || '{level}' as word")
            if level == "results":
                before = stack.site.api.post("/v1/recording-key/rotate")["before"]
                told.append("key")
    whole(stack, session)
    played = stack.site.admin.ok("sessions", "play", session, "--speed", "0")
    shown = ("'before'", "'results'", "with results", "'none'")
    assert [word in played for word in shown] == [False, True, True, False]
    assert "otherwise now: not at all" in played
    recipients = [each["details"].get("recipient") for each in notices(session)]
    assert recipients[0] == before != recipients[1]
