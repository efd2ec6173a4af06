"""Logins at two replicas on PostgreSQL: begun at one, answered at the other, and at both."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic import command

from pgward.ca import store as stores
from pgward.ca.identity import device_tokens, sessions
from pgward.ca.login.factors.enrolment import new_recovery_codes
from pgward.ca.login.oidc.logout_token import EVENT
from pgward.ca.login.oidc.office import Office
from pgward.ca.store import migrate, schema_login
from pgward.ca.store.engine import begin_writing, make_engine, parse_url
from pgward.ca.store.schema import login_sessions
from pgward.ca.store.schema_login import devices, recovery_codes, used_flows
from pgward.ca.store.schema_store import shared_secrets
from tests.fixtures.authority import START
from tests.fixtures.ca_service import PASSWORD, request_pem, service
from tests.fixtures.factors import App
from tests.fixtures.ldap_server import CA, bound, done, entry, ldap_server, several
from tests.fixtures.lying_provider import CLIENT, ISSUER, REDIRECT, LyingProvider
from tests.fixtures.pair import Conversation, told
from tests.fixtures.passkeys import CALLBACK, query, visit_of
from tests.fixtures.replicas import until
from tests.fixtures.soft_authenticator import SoftAuthenticator

pytestmark = pytest.mark.integration
AT_ONCE = 10  # of one person, from one address
NEW_PASSWORD = "battery staple, horse"
ORIGIN = {"Origin": "https://localhost:8443"}


@pytest.fixture
def admin(pair):
    return pair.replicas[0].device("root")


@pytest.fixture
def declare(admin):
    """Declare resources until the test ends."""
    declared = []

    def declare(kind, spec):
        name = f"r{uuid.uuid4().hex[:10]}"
        declared.append(f"/v1/resources/{kind}/{name}")
        body = {"kind": kind, "metadata": {"name": name}, "spec": spec}
        answer = admin.call("PUT", declared[-1], body)
        assert answer.status_code == 200, answer.text
        return name

    yield declare
    for each in declared:
        assert admin.call("DELETE", each).status_code == 200


@pytest.fixture
def rule(declare):
    """Declare a login rule for a group of its own; return the group."""

    def rule(**spec):
        group = f"g{uuid.uuid4().hex[:10]}"
        declare("LoginRule", {"appliesTo": {"groups": [group]}, **spec})
        return group

    return rule


def conversation(pair, name, **body):
    return Conversation(pair, user=name, password=PASSWORD, **body)


def who(device):
    answer = device.call("GET", "/v1/me")
    return answer.json()["user"]["name"] if answer.status_code == 200 else told(answer)


def count(pair, table, *chosen):
    with pair.replicas[0].store.read() as connection:
        found = sa.select(sa.func.count()).select_from(table).where(*chosen)
        return connection.execute(found).scalar_one()


def sessions_of(pair, name):
    mine = (login_sessions.c.user_name == name, login_sessions.c.ended_at.is_(None))
    return count(pair, login_sessions, *mine)


def test_every_gate_may_ask_at_one_and_be_answered_at_the_other(pair, admin, rule):
    group = rule(secondFactor="required", reason="required", devices="approval")
    name = pair.person(group)
    app = pair.app(name)
    body = {"must_change_password": True}
    assert admin.call("PATCH", f"/v1/users/{name}", body).status_code == 200

    login = conversation(pair, name, device={"name": "laptop"})
    asked = [login.kind]
    asked.append(login.answer(factor="totp", code=app.code()).kind)
    asked.append(login.answer(reason="ticket 42").kind)
    asked.append(login.answer(poll=True).kind)  # nobody has said yes
    waiting = {"device": login.facts["code"]}
    path = f"/v1/users/{name}/devices/approve"
    assert pair.at(admin, 1).call("POST", path, waiting).status_code == 200
    asked.append(login.answer(poll=True).kind)
    device = login.answer(password=NEW_PASSWORD).done()
    assert asked == ["second_factor", "reason", "approval", "approval", "new_password"]
    assert who(device) == name
    device.certificate()


def test_a_new_app_and_then_a_recovery_code_cross_over(pair, rule):
    name = pair.person(rule(secondFactor="required"))
    login = conversation(pair, name)
    assert login.kind == "totp_enroll"
    app = App(pair.clock).scan(login.facts)
    device = login.answer(code=app.code()).done()
    made = device.call("POST", "/v1/me/mfa/recovery-codes", {})
    code = made.json()["recovery_codes"][0]
    assert who(conversation(pair, name).answer(factor="recovery", code=code).done()) == name


def test_a_device_token_made_at_one_brings_a_device_in_at_the_other(pair, admin, rule):
    name = pair.person(rule(devices="token"))
    made = admin.call("POST", f"/v1/users/{name}/device-tokens", {"ttl_seconds": 600})
    login = conversation(pair, name)
    assert login.kind == "device_token"
    assert who(login.answer(token=made.json()["token"]).done()) == name


@pytest.fixture
def oidc(pair, admin, monkeypatch):
    """A provider that both know."""
    pair.clock.move(minutes=1)  # another provider of this name was made at another time
    provider = LyingProvider(pair.clock, document={"userinfo_endpoint": None})
    for which in range(2):
        office: Office = pair.context(which).oidc
        monkeypatch.setattr(office.providers, "fetching", lambda _spec: provider)
        # What waits for time to pass goes by the clock that a test moves.
        object.__setattr__(office.desk, "monotonic", lambda: pair.clock.now().timestamp())
    spec = {"type": "oidc", "issuer": ISSUER, "clientId": CLIENT, "createUsers": True}
    body = {"name": "corp", "spec": spec, "secret": "s"}
    assert admin.call("POST", "/v1/identity-providers", body).status_code == 201
    yield provider
    for which in range(2):
        object.__setattr__(pair.context(which).oidc.desk, "monotonic", time.monotonic)
    assert admin.call("DELETE", "/v1/identity-providers/corp").status_code == 200


def browsed(pair, provider, user):
    provider.claims = {"preferred_username": user, "sub": f"subject of {user}"}
    login = Conversation(pair, method="oidc", redirect_uri=REDIRECT)
    return login.answer(**provider.visit(login.facts["url"])).done()


def test_a_browser_comes_back_to_the_other_replica(pair, oidc):
    assert who(browsed(pair, oidc, "ann")) == "ann"


def test_a_device_code_is_polled_for_at_both(pair, oidc):
    oidc.claims = {"preferred_username": "bea", "sub": "b", "nonce": None}
    login = Conversation(pair, method="oidc-device")
    oidc.refuses = {"error": "authorization_pending"}
    assert login.kind == "device_code"
    polls = len(oidc.asked)
    assert login.answer().answer().answer().kind == "device_code"
    assert len(oidc.asked) - polls <= 2  # the other replica does not know of the first poll
    oidc.refuses = None
    pair.clock.move(seconds=6)
    assert who(login.answer().done()) == "bea"


def test_a_refresh_token_is_redeemed_once_though_both_renew(pair, oidc):
    oidc.reply = {"refresh_token": "r1"}
    device = browsed(pair, oidc, "cleo")
    pair.clock.move(minutes=11)
    oidc.claims["nonce"], oidc.reply = None, {"refresh_token": "r2"}
    before = len(oidc.asked)

    def renew(which):
        asking = pair.at(device, which)
        return asking.call("POST", "/v1/certificates/login", {"csr": request_pem()}).status_code

    assert set(pair.both(renew, 4)) == {200}
    used = [form["refresh_token"] for _url, form in oidc.asked[before:] if "refresh_token" in form]
    assert used == ["r1"]
    pair.clock.move(minutes=11)
    assert set(pair.both(renew)) == {200}
    used = [form["refresh_token"] for _url, form in oidc.asked[before:] if "refresh_token" in form]
    assert used == ["r1", "r2"]


def test_a_logout_at_the_provider_told_to_one_is_known_to_the_other(pair, oidc):
    device = browsed(pair, oidc, "dora")
    now = int(pair.clock.now().timestamp())
    claims = {"iss": ISSUER, "aud": CLIENT, "iat": now, "jti": "j", "events": {EVENT: {}}}
    token = oidc.sign(claims | {"sub": "subject of dora"})
    path = "/v1/login/oidc/corp/backchannel-logout"

    def tell(which):
        client = pair.replicas[which].client
        return client.post(path, data={"logout_token": token}).status_code

    assert sorted(pair.both(tell)) == [200, 400]
    assert {who(pair.at(device, which)) for which in range(2)} == {"your login session has ended"}


def test_a_directorys_word_counts_at_both(pair, declare):
    name = pair.person()
    found = several(entry(f"uid={name},dc=x", uid=name, entryUUID=name, cn="A"), done())
    with ldap_server(bound(), found) as server:
        spec = {
            "type": "ldap",
            "servers": [server.url],
            "ca": CA,
            "userDn": "uid={user},dc=x",
            "linkExisting": True,
        }
        declare("IdentityProvider", spec)
        for _ in range(2):
            login = Conversation(pair, method="ldap", user=name, password="the directory's")
            assert who(login.done()) == name


def use(pair, which, url, authenticator):
    """Use a passkey at the page of a replica; return what the browser brings back."""
    replica = pair.replicas[which]
    shown = replica.client.app.state.visits.show(visit_of(url))
    body = {"visit": visit_of(url), "credential": authenticator.use(shown.options)}
    return replica.client.post("/login/used", json=body, headers=ORIGIN)


def test_a_passkey_is_made_and_used_across_both(pair):
    name = pair.person()
    device = conversation(pair, name).done()
    authenticator = SoftAuthenticator()
    body = {"name": "phone", "redirect_uri": CALLBACK}
    begun = pair.at(device, 0).call("POST", "/v1/me/passkeys", body).json()
    page = {"visit": visit_of(begun["url"]), "code": begun["code"]}
    first, second = (each.client for each in pair.replicas)
    options = second.post("/login/code", json=page, headers=ORIGIN).json()
    made = page | {"credential": authenticator.make(options)}
    brought = query(first.post("/login/made", json=made, headers=ORIGIN).json()["redirect"])
    answer = {"code": brought["code"], "state": brought["state"]}
    body = {"flow": begun["flow"], "answer": answer}
    assert pair.at(device, 1).call("POST", "/v1/me/passkey-attestations", body).status_code == 201

    login = Conversation(pair, method="passkey", redirect_uri=CALLBACK)
    came = use(pair, 1, login.facts["url"], authenticator)
    assert who(login.answer(**query(came.json()["redirect"])).done()) == name

    login = Conversation(pair, method="passkey", redirect_uri=CALLBACK)
    came = pair.both(lambda which: use(pair, which, login.facts["url"], authenticator))
    assert sorted(each.status_code for each in came) == [200, 403]


def test_a_step_up_crosses_over_and_both_know_of_it(pair, declare):
    name = pair.person("dba")
    app = pair.app(name)
    wanted = declare("Service", service("x", stepUp={"minutes": 15})["spec"])
    device = conversation(pair, name).answer(factor="totp", code=app.code()).done()
    pair.clock.move(minutes=1)
    asked = pair.at(device, 0).call("POST", "/v1/me/step-up", {"service": wanted}).json()
    body = {"flow": asked["flow"], "answer": {"factor": "totp", "code": app.code()}}

    def prove(which):
        return told(pair.at(device, which).call("POST", "/v1/me/step-up/continue", body))

    assert sorted(pair.both(prove)) == ["done", "wrong code"]
    for which in range(2):
        state = pair.at(device, which).call("GET", f"/v1/me/step-up?service={wanted}").json()
        assert state["factor"] == "totp"


@pytest.mark.parametrize("factor", ["totp", "recovery"])
def test_one_code_at_both_at_once_lets_one_in(pair, factor):
    name = pair.person()
    app = pair.app(name)
    with pair.replicas[0].store.write() as transaction:
        code = new_recovery_codes(transaction, name, pair.clock.now())[0]
    logins = [conversation(pair, name) for _ in range(4)]
    given = app.code() if factor == "totp" else code

    def answer(which):
        login = logins.pop()
        login.turn = which
        return told(login.answer(factor=factor, code=given).said)

    wrong = "wrong code" if factor == "totp" else "wrong recovery code"
    assert sorted(pair.both(answer, 2)) == ["done", *[wrong] * 3]
    assert sessions_of(pair, name) == 1
    used = (recovery_codes.c.user_name == name, recovery_codes.c.used_at.is_not(None))
    assert count(pair, recovery_codes, *used) == (factor == "recovery")


def test_one_flow_answered_at_both_at_once_leads_to_one_session(pair, rule):
    name = pair.person(rule(reason="required"))
    login = conversation(pair, name)
    flow, body = login.flow, {"flow": login.flow, "answer": {"reason": "ticket"}}

    def answer(which):
        return told(pair.at(login.device, which).call("POST", "/v1/login/continue", body))

    said = pair.both(answer, 3)
    assert sorted(said) == ["done", *["the login was completed already"] * 5]
    assert sessions_of(pair, name) == 1
    assert told(pair.at(login.device, 0).call("POST", "/v1/login/continue", body)) == (
        "the login was completed already"
    )
    assert flow


def test_a_device_token_at_both_at_once_brings_one_device_in(pair, rule):
    name = pair.person(rule(devices="token"))
    with pair.replicas[0].store.write() as transaction:
        token, _ = device_tokens.create(
            transaction, name, lifetime=timedelta(hours=1), now=pair.clock.now(), by="root"
        )
    body = {"method": "password", "user": name, "password": PASSWORD, "device": {"token": token}}

    def begin(which):
        return told(pair.device(which).call("POST", "/v1/login", body))

    assert pair.both(begin, 2).count("done") == 1
    assert count(pair, devices, devices.c.user_name == name) == 1


def test_a_device_approved_and_revoked_at_once_is_left_in_one_state(pair, admin, rule):
    name = pair.person(rule(devices="approval"))
    path = f"/v1/users/{name}/devices"
    for _ in range(3):
        login = conversation(pair, name)
        (waiting,) = [
            each for each in admin.call("GET", path).json()["devices"] if each["code"] is not None
        ]

        def act(which, waiting=waiting):
            if which:
                return pair.at(admin, 1).call("POST", f"{path}/{waiting['id']}/revoke").status_code
            return admin.call("POST", f"{path}/approve", {"device": waiting["id"]}).status_code

        approved, revoked = pair.both(act)
        assert (approved in (200, 404), revoked) == (True, 200)
        login.answer(poll=True)
        assert told(login.said) == "this device was revoked"


def test_many_logins_of_one_person_at_once_all_come_in(pair):
    """As many at each replica as no guesser is slowed down for: an open login counts as a guess."""
    name = pair.person()
    body = {"method": "password", "user": name, "password": PASSWORD}

    def begin(which):
        return told(pair.device(which).call("POST", "/v1/login", body))

    assert set(pair.both(begin, AT_ONCE)) == {"done"}
    assert sessions_of(pair, name) == 2 * AT_ONCE


def test_a_session_ended_at_one_is_over_at_the_other_at_once(pair):
    name = pair.person()
    first, second = (conversation(pair, name).done() for _ in range(2))
    second = pair.at(second, 1)
    second.certificate()  # the replica knows the session from memory now
    assert pair.at(first, 0).call("DELETE", "/v1/me/logins").json()["ended"] == 1
    answer = second.call("POST", "/v1/certificates/login", {"csr": request_pem()})
    assert (answer.status_code, who(second)) == (401, "your login session has ended")


def test_a_change_that_waits_is_refused_once_its_session_was_ended_elsewhere(
    pair, admin, database_server
):
    name = pair.person()
    device, asking = conversation(pair, name).done(), pair.at(admin, 1)
    path = {"own": "/v1/me/device-tokens", "by admin": f"/v1/users/{name}/device-tokens"}
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    body = {"ttl_seconds": 600}
    with ThreadPoolExecutor(2) as pool:
        with pair.replicas[0].store.write() as transaction:
            came = [
                pool.submit(pair.at(device, 1).call, "POST", path["own"], body),
                pool.submit(asking.call, "POST", path["by admin"], body),
            ]
            until(lambda: database_server.psql(waiting) == "1")  # the other waits inside
            sessions.end(transaction, "blocked", now=pair.clock.now(), user=name)
            sessions.end(transaction, "blocked", now=pair.clock.now(), user="root")
        said = {told(each.result()) for each in came}
    assert said == {"your login session has ended"}
    tokens = schema_login.device_tokens
    assert count(pair, tokens, tokens.c.user_name == name) == 0


def test_who_is_removed_while_logging_in_does_not_come_in(pair, admin, rule):
    for given in ({"reason": "required"}, {"devices": "approval"}):
        name = pair.person(rule(**given))
        login = conversation(pair, name)
        answer = {"reason": "x"} if "reason" in given else {"poll": True}

        def act(which, name=name, login=login, answer=answer):
            if which:
                return pair.at(admin, 1).call("DELETE", f"/v1/users/{name}")
            body = {"flow": login.flow, "answer": answer}
            return pair.at(login.device, 0).call("POST", "/v1/login/continue", body)

        came, removed = pair.both(act)
        assert removed.status_code == 200, removed.text
        assert came.status_code in (200, 403), came.text
        assert sessions_of(pair, name) == 0
        assert count(pair, devices, devices.c.user_name == name) == 0


def test_two_replicas_that_start_at_once_bring_a_store_of_before_up_to_date(database_url):
    write_0006(database_url)
    with ThreadPoolExecutor(2) as pool:
        opened = list(pool.map(stores.open_store, [database_url] * 2))
    for store in opened:
        with store.read() as connection:
            session = sessions.find(connection, "pgs1.before", START)
            shared = connection.execute(sa.select(shared_secrets.c.name)).scalars().all()
        store.close()
        assert (session.user.name, session.device_id, session.factors) == ("alice", None, ())
        assert shared == ["acme-eab"]


def write_0006(url):
    """Make a store as the last release did, with somebody in it who is logged in."""
    engine = make_engine(parse_url(url))
    at, end = "'2026-11-21T11:00Z'", "'2026-11-21T13:00Z'"
    with engine.connect() as connection:
        writing = begin_writing(connection)
        command.upgrade(migrate.config(writing), "0006")
        for table, columns, values in (
            (
                "users",
                "name, name_key, full_name, email, created_at, created_by",
                f"'alice', 'alice', '', '', {at}, 'test'",
            ),
            (
                "login_sessions",
                "id, token_hash, user_name, thumbprint, method, created_at, expires_at",
                f"'s1', sha256('pgs1.before'), 'alice', 'jkt', 'password', {at}, {end}",
            ),
            ("acme_secrets", "name, sha256, created_at", f"'acme-eab', 'x', {at}"),
        ):
            writing.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({values})")
        writing.commit()
    engine.dispose()


def test_each_replica_counts_wrong_passwords_for_itself(pair):
    name = pair.person()
    body = {"method": "password", "user": name, "password": "wrong password"}
    said = [told(pair.device(turn % 2).call("POST", "/v1/login", body)) for turn in range(22)]
    assert said == ["wrong user name or password"] * 20 + ["too many failed attempts"] * 2


def test_what_led_to_a_session_is_remembered_by_the_store(pair, rule):
    name = pair.person(rule(reason="required"))
    before = count(pair, used_flows)
    conversation(pair, name).answer(reason="x").done()
    assert count(pair, used_flows) == before + 1
