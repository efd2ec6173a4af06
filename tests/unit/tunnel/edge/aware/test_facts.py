from dataclasses import replace
from types import SimpleNamespace

import pytest

from pgward.core.handles import new_one_time
from pgward.pgwire.startup import Startup
from pgward.policy.role_guard import RoleGuard
from pgward.tunnel.edge.aware.facts import Asked, Decided, without_handle
from pgward.tunnel.edge.carrying import Client
from pgward.tunnel.edge.grants import Granted
from pgward.tunnel.edge.landing import landing
from pgward.tunnel.edge.state_postgres import UserRule
from pgward.tunnel.preface import Controls
from tests.fixtures.aware_sessions import ALICE, CONFIG, GUEST, NOW, POSTGRES


def asked(peer=ALICE, controls=None, **parameters: str) -> Asked:
    client = Client(SimpleNamespace(), controls, peer, "[2001:db8::1]:5555")
    return Asked(1, "boot-1", client, "orders", POSTGRES, ("dba",), parameters, NOW)


@pytest.mark.parametrize(
    ("peer", "controls", "method"),
    [
        (ALICE, None, "certificate"),
        (ALICE, Controls.new(), "tunnel"),
        (replace(ALICE, web=True), Controls.new(), "web"),
        (GUEST, None, "otp"),
        (replace(GUEST, token="tk-1"), None, "token"),
    ],
)
def test_by_what_somebody_is_known(peer, controls, method):
    assert asked(peer, controls).method == method


def test_what_rules_see():
    found = asked(
        GUEST,
        user="reader",
        database="prod",
        application_name="report",
        options="-c pgward.reason=why",
    ).context()
    assert (found.user.name, found.user.groups) == ("alice", ("dba",))
    assert (found.service.name, found.session.id) == ("orders", "boot-1")
    assert (found.session.method, found.session.mfa) == ("otp", True)
    assert (found.session.client, found.session.started) == ("2001:db8::1", NOW)
    assert (found.session.reason, found.device.id) == ("why", "d1")
    assert (found.connect.user, found.connect.database) == ("reader", "prod")
    assert found.connect.application_name == "report"
    assert not asked().context().session.mfa
    assert not asked(replace(GUEST, factors=("password",))).context().session.mfa


def hello(**parameters: str) -> Startup:
    return Startup(3, 0, parameters, 100)


def test_a_plain_role_stays():
    assert without_handle(hello(user="reader", database="x")) == {"user": "reader", "database": "x"}


@pytest.mark.parametrize("role", ["", "reader~"])
def test_of_a_handle_the_role_is_left(role):
    handle = f"{role}{new_one_time()}"
    expected = {"user": role.rstrip("~")}
    assert without_handle(hello(user=handle)) == expected
    # what libpq puts where nobody names a database
    assert without_handle(hello(user=handle, database=handle)) == expected
    assert without_handle(hello(user=handle, database="prod")) == expected | {"database": "prod"}


@pytest.mark.parametrize(
    ("config", "guard"),
    [
        (CONFIG, RoleGuard("app")),
        (replace(CONFIG, user=UserRule(from_person=True)), RoleGuard("alice", own=True)),
        (
            replace(CONFIG, user=UserRule(allow=frozenset({"alice"}), default="alice")),
            RoleGuard("alice"),
        ),
        (replace(CONFIG, protect_role=False), None),
    ],
)
def test_the_role_that_somebody_lands_as_is_guarded(config, guard):
    landed = landing(config, {"user": "alice"}, "alice")
    assert Decided(asked(), config, landed, "", 0).guard == guard


def test_an_access_role_is_ones_own_as_long_as_there_is_a_grant():
    config = replace(CONFIG, user=UserRule(from_grant=True))
    granted = Granted("a_1", ("shop-reading",), NOW, NOW)
    known = replace(asked(), granted=granted)
    landed = known.landing(config)
    assert (landed.user, known.context().user.grants) == ("a_1", ("shop-reading",))
    assert Decided(known, config, landed, "", 0).guard == RoleGuard("a_1", own=True)
