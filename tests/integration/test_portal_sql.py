"""SQL in the browser, against a real authority, edge and PostgreSQL."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fixtures.edge_process import eventually
from tests.fixtures.web_person import Page
from tests.fixtures.web_visitor import WebVisitor

RULES = [
    {
        "name": "no-drops",
        "effect": "DENY",
        "on": "statement",
        "condition": "ctx.request.postgres.statement.kind == 'DROP TABLE'",
        "reason": "drops are for releases",
    },
    {
        "name": "browsers",
        "effect": "ALLOW",
        "on": "connect",
        "condition": "ctx.session.method == 'web' && ctx.session.client == '127.0.0.1'"
        " && ctx.device.id != ''",
    },
    {"name": "all", "effect": "ALLOW", "on": "statement", "condition": "true"},
]


class Desk(WebVisitor):
    """Somebody at an editor."""

    def run(self, sql: str) -> Page:
        return self.press("Run", sql=sql)

    def save(self, sql: str) -> str:
        assert self.page is not None
        form = next(each for each in self.page.forms if "Save as CSV" in each.buttons)
        answer = self.client.post(
            f"{self.page.path}/export",
            data={**form.fields, "sql": sql},
            headers={"Origin": self.url},
        )
        assert answer.headers["content-type"] == "text/csv; charset=utf-8", answer.text
        return answer.text


@contextmanager
def at_desk(stack, person, service) -> Iterator[Desk]:
    desk = Desk(stack.site).enter(person.name)
    desk.open(f"/databases/{service.name}/sql")
    try:
        yield desk
    finally:
        desk.close()


def declared(stack, person, **postgres):
    return stack.aware(person, webClient={"export": True}, postgres=postgres)


@pytest.fixture(scope="module")
def person(stack):
    return stack.site.person()


@pytest.fixture(scope="module")
def service(stack, person):
    return declared(stack, person, policy={"rules": RULES})


def test_statements_their_answers_and_what_becomes_of_them(stack, person, service):
    who = "select session_user, current_setting('application_name') as a"
    with at_desk(stack, person, service) as desk:
        page = desk.run(who)
        assert service.role in page.text
        assert f"{person.name} via pgward: pgward web" in page.text
        page = desk.run("begin; create temp table t (n int); insert into t values (7); select 1/0")
        for words in ("CREATE TABLE", "INSERT 0 1", "division by zero", "transaction failed"):
            assert words in page.text
        page = desk.run("rollback;\nselect form t")
        assert "transaction failed" not in page.text
        assert "line 2" in page.text
        assert "drops are for releases" in desk.run("drop table t").text
        assert "COPY to the client is not" in desk.run("copy (select 1) to stdout").text
        page = desk.run("create temp table c (a int); copy c from stdin")
        assert "a browser has no data to send" in page.text
        page = desk.run("select repeat('x', 20000000), 7 as behind")
        assert "20,000,000 bytes in all" in page.text
        assert "rows 1 to 200" in desk.run("select generate_series(1, 450) as n").text
        assert "rows 201 to 400" in desk.press("Next rows").text
        assert "rows 401 to 450" in desk.press("Next rows").text


def test_a_file_has_the_rows_and_is_on_record(stack, person, service):
    with at_desk(stack, person, service) as desk:
        desk.run("select 1")
        text = desk.save("select n, '=1+' || n, -n, null from generate_series(1, 3000) n")
        lines = text.split("\r\n")
        assert (lines[1], len(lines)) == ("1,'=1+1,-1,", 3002)
        desk.run("drop table t")
        assert "still here" in desk.run("select 'still here'").text
        (found,) = stack.audit(actor=person.name, action="sql.export")
        assert found["details"] == {"rows": 3000, "bytes": len(text), "whole": True}

        def recorded() -> bool:
            found = stack.site.admin.data("audit", "search", "--user", person.name)
            return any("still here" in each.get("text", "") for each in found)

        eventually(recorded)
        found = stack.site.admin.data("audit", "search", "--user", person.name)
        denied = {each["text"] for each in found if each.get("status") == "denied"}
        assert denied == {"drop table t"}
        assert {each["application"] for each in found} == {"pgward web"}
        starts = [each for each in found if each["type"] == "SESSION_START"]
        assert {each["details"]["method"] for each in starts} == {"web"}
        assert {each["client"] for each in found} == {"127.0.0.1:0"}


def test_what_runs_is_cancelled(stack, person, service):
    with at_desk(stack, person, service) as desk:
        began = time.monotonic()
        page = desk.run("select pg_sleep(60)")
        assert "Running for 2 s" in page.text
        page = desk.press("Cancel")
        assert "canceling statement due to user request" in page.text
        assert time.monotonic() - began < 30


def test_who_is_revoked_has_no_connection_within_seconds(stack):
    person = stack.site.person()
    service = declared(stack, person)
    with at_desk(stack, person, service) as desk:
        desk.run("select 1")
        count = f"select count(*) from pg_stat_activity where usename = '{service.role}'"
        assert stack.cluster.psql(count) == "1"
        stack.revoke(person)
        eventually(lambda: stack.cluster.psql(count) == "0")
        assert desk.open(desk.page.path).path == "/sign-in"


def test_limits_hold_for_browsers_too(stack):
    person = stack.site.person()
    limits = {"maxConnectionsPerUser": 1, "idleTimeout": "1s"}
    service = stack.aware(person, webClient={}, limits=limits)
    with at_desk(stack, person, service) as desk:
        first = desk.run("select 1").path
        desk.open(f"/databases/{service.name}/sql")
        assert "Close some, or ask for a higher limit" in desk.run("select 2").text
        words = "the session was idle for 1 second"
        eventually(lambda: words in desk.open(first).text.lower())
        assert "not connected" in desk.page.text
        page = desk.run("select 'again'")
        assert "This is a new connection" in page.text
        assert "again" in page.text


@pytest.mark.soak
def test_a_service_may_ask_why(stack):
    person = stack.site.person()
    service = declared(stack, person, reasonRequired=True)
    with at_desk(stack, person, service) as desk:
        page = desk.press("Run", sql="select 1", reason="TICKET 7")
        assert "1 row" in page.text
    plain = stack.aware(person)
    with at_desk(stack, person, plain) as desk:
        assert desk.page.status == 404
