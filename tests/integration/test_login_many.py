"""Logging in and renewing where there are many people, devices and sessions: what is asked."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from pgward.ca.identity import endings, external
from pgward.ca.store import Store
from pgward.ca.store.purge import BATCH, purge
from pgward.ca.store.schema import UtcTime
from tests.fixtures.authority import START
from tests.fixtures.ca_service import PASSWORD, Api, Device, service
from tests.fixtures.factors import App

pytestmark = [pytest.mark.integration, pytest.mark.soak]
PEOPLE, DEVICES, SESSIONS = 10_000, 50_000, 100_000
BIG = {"users", "group_members", "login_sessions", "devices", "step_ups", "used_flows"}
LISTS = ("devices", "logins")
BIG |= {"external_identities", "totp_secrets", "audit_events"}


@dataclass
class Asked:
    """The statements of a block, each once, with its parameters."""

    found: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def note(self, _connection, _cursor, statement, parameters, _context, _many) -> None:
        self.count += 1
        self.found.setdefault(statement, parameters)


@contextmanager
def asked(*stores: Store) -> Iterator[Asked]:
    made = Asked()
    with ExitStack() as stack:
        for store in stores:
            event.listen(store.engine, "before_cursor_execute", made.note)
            stack.callback(event.remove, store.engine, "before_cursor_execute", made.note)
        yield made


def scans(store: Store, found: Asked) -> list[str]:
    """Return which big tables are read from end to end, and by which statement."""
    prefix, scan = {
        "postgresql": ("EXPLAIN ", re.compile(r"Seq Scan on (\w+)")),
        "sqlite": ("EXPLAIN QUERY PLAN ", re.compile(r"SCAN (\w+)")),
    }[store.engine.dialect.name]
    slow = []
    with store.engine.connect() as connection:
        for statement, parameters in found.found.items():
            if not re.match(r"SELECT|UPDATE|DELETE|WITH", statement) or "pg_" in statement:
                continue
            rows = connection.exec_driver_sql(prefix + statement, parameters).all()
            plan = "\n".join(str(row) for row in rows)
            tables = set(scan.findall(plan)) & BIG
            if tables:
                slow.append(f"{sorted(tables)}: {' '.join(statement.split())[:300]}\n{plan}")
    return slow


def fill(store: Store) -> None:
    """Put many people, devices, sessions and proofs there, as rows."""
    is_sqlite = store.engine.dialect.name == "sqlite"
    blob = "randomblob(32)" if is_sqlite else "sha256(n::text::bytea)"
    counting = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {})"
    no = "0" if is_sqlite else "false"
    rows = {
        PEOPLE: [
            f"""INSERT INTO users (name, name_key, full_name, email, password_changed_at,
                created_at, created_by, must_change_password, valid_until)
                COUNTING SELECT 'u' || n, 'u' || n, '', '', :now, :now, 'test', {no},
                CASE WHEN n % 10 = 0 THEN :end END FROM c""",
            """INSERT INTO group_members (group_name, user_name)
                COUNTING SELECT 'g' || (n % 50), 'u' || n FROM c""",
            """INSERT INTO step_ups (user_name, service, session_id, factor, proved_at,
                expires_at) COUNTING SELECT 'u' || n, 'orders', 's' || n, 'totp', :now, :end
                FROM c""",
            """INSERT INTO external_identities
                (provider, subject, user_name, linked_at, linked_by, last_login_at)
                COUNTING SELECT 'corp', 'subject' || n, 'u' || n, :now, 'test', :now FROM c""",
            f"""INSERT INTO totp_secrets (user_name, sealed, last_step, created_at, confirmed_at)
                COUNTING SELECT 'u' || n, {blob}, 1, :now, :now FROM c""",
        ],
        DEVICES: [
            """INSERT INTO devices (id, user_name, thumbprint, name, state, created_at,
                last_seen_at) COUNTING SELECT 'd' || n, 'u' || (n % 10000 + 1), 't' || n, 'laptop',
                CASE WHEN n % 50 = 0 THEN 'pending' ELSE 'approved' END, :now, :now FROM c""",
        ],
        SESSIONS: [
            f"""INSERT INTO login_sessions (id, token_hash, user_name, thumbprint, method,
                created_at, expires_at, device_id, provider, provider_subject, provider_sid)
                COUNTING SELECT 's' || n, {blob}, 'u' || (n % 10000 + 1), 't' || (n % 50000),
                'oidc', :now, :end, 'd' || (n % 50000), 'corp', 'subject' || (n % 10000 + 1),
                'sid' || n FROM c""",
            "INSERT INTO used_flows (id, expires_at) COUNTING SELECT 'f' || n, :end FROM c",
            """INSERT INTO audit_events (seq, id, time, source, actor, action, outcome, details)
                COUNTING SELECT 1000000 + n, 'e' || n, :now, 'ca', CASE WHEN n % 2 = 0 THEN 'alice'
                ELSE 'u' || (n % 10000 + 1) END, 'certificate.issue', 'ok', '{}' FROM c""",
        ],
    }
    with store.write() as transaction:
        for most, statements in rows.items():
            for statement in statements:
                text = sa.text(statement.replace("COUNTING", counting.format(most)))
                times = {"now": START, "end": START.replace(day=22)}
                used = {name: at for name, at in times.items() if f":{name}" in statement}
                typed = [sa.bindparam(name, type_=UtcTime) for name in used]
                transaction.execute(text.bindparams(*typed), used)
    if not is_sqlite:
        with store.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()


class Day:
    """What people do all day; ``counts`` is how many statements each step took."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.counts: dict[str, int] = {}
        self.admin, self.laptop, self.phone = (Device(api) for _ in range(3))
        self.app = App(api.clock)

    def run(self) -> dict[str, int]:
        self.log_in()
        self.set_app_up()
        self.prove()
        self.look()
        self.look_after()
        self.end()
        return self.counts

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with asked(self.api.store) as noted:
            yield
        self.counts[name] = noted.count

    def ok(self, device: Device, method: str, path: str, body: Any = None) -> Any:
        answer = device.call(method, path, body)
        assert answer.status_code < HTTPStatus.MULTIPLE_CHOICES, answer.text
        return answer.json()

    def log_in(self) -> None:
        self.admin.login("root")
        for name in ("first login", "login"):
            self.laptop.token = None
            with self.step(name):
                self.laptop.login("alice")
        wanted = service(stepUp={"minutes": 5})
        self.ok(self.admin, "PUT", "/v1/resources/Service/orders", wanted)
        for name in ("first certificate", "renewal"):
            with self.step(name):
                self.laptop.certificate()
        with self.step("request"):
            self.ok(self.laptop, "GET", "/v1/me")

    def set_app_up(self) -> None:
        offered = self.ok(self.laptop, "POST", "/v1/me/mfa/totp", {})
        body = {"enrolment": offered["enrolment"], "code": self.app.scan(offered).code()}
        self.ok(self.laptop, "POST", "/v1/me/mfa/totp/confirm", body)

    def prove(self) -> None:
        with self.step("login with a code"):
            login = {"method": "password", "user": "alice", "password": PASSWORD}
            self.phone.token = self.converse("/v1/login", login)["token"]
        with self.step("step-up"):
            self.converse("/v1/me/step-up", {"service": "orders"})
        with self.step("look at a step-up"):
            self.ok(self.phone, "GET", "/v1/me/step-up?service=orders")

    def converse(self, path: str, body: Any) -> Any:
        self.api.clock.move(minutes=1)
        flow = self.ok(self.phone, "POST", path, body)["flow"]
        answer = {"factor": "totp", "code": self.app.code()}
        return self.ok(self.phone, "POST", f"{path}/continue", {"flow": flow, "answer": answer})

    def look(self) -> None:
        for who, path in (
            *((self.phone, f"/v1/me/{name}") for name in (*LISTS, "mfa")),
            *((self.admin, f"/v1/users/u7/{name}") for name in LISTS),
        ):
            with self.step(path):
                self.ok(who, "GET", path)

    def look_after(self) -> None:
        now = self.api.clock.now()
        with self.api.store.read() as connection:
            endings.due(connection, now)
            for whose in ({"subject": "subject7"}, {"sid": "sid7"}, {"user": "u7"}):
                external.sessions_of(connection, "corp", now=now, **whose)
        purge(self.api.store, now)

    def end(self) -> None:
        with self.step("end others"):
            self.ok(self.phone, "DELETE", "/v1/me/logins")
        with self.step("block"):
            self.ok(self.admin, "POST", "/v1/users/alice/block", {"reason": "x"})
        with self.step("remove"):
            self.ok(self.admin, "DELETE", "/v1/users/u9")


@pytest.fixture
def many(request) -> Api:
    """The API of a CA with many people, on the database that the test names."""
    if request.param == "sqlite":
        made = request.getfixturevalue("api")
    else:
        made = request.getfixturevalue("pair").replicas[0]
    made.add("alice", "dba")
    fill(made.store)
    return made


@pytest.mark.parametrize("many", ["sqlite", "postgresql"], indirect=True)
def test_nothing_big_is_read_from_end_to_end(many, capsys):
    with asked(many.store) as found:
        counts = Day(many).run()
    with capsys.disabled():
        print(f"\n{many.store.engine.dialect.name}: {counts}")  # noqa: T201 - what a soak is for
    assert scans(many.store, found) == []
    # What is asked grows with nothing; a second's look for changes may fall into any of these.
    most = {"login": 40, "login with a code": 56, "renewal": 19, "request": 9}
    most |= {f"/v1/{whose}/{what}": 12 for whose in ("me", "users/u7") for what in LISTS}
    assert {name: counts[name] for name in most if counts[name] > most[name]} == {}
    # Sessions, flows, step-ups and devices that nobody let in; a batch of each.
    assert purge(many.store, many.clock.now() + timedelta(days=9)) == 4 * BATCH
