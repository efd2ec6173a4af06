from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import PgwardError
from pgward.policy import cel
from pgward.policy.cel import ConditionError, Failed
from pgward.policy.context import (
    CONNECT_TYPES,
    STATEMENT_TYPES,
    AccessRequest,
    Connect,
    Context,
    Device,
    On,
    ServiceFacts,
    Session,
    Statement,
    User,
)

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)  # a Sunday
ALICE = Context(
    User("alice", ("dba", "staff"), "alice@example.com"),
    ServiceFacts("orders", {"env": "prod"}),
    Connect("app", "shop", "psql", {"user": "app", "replication": "database"}),
    Session("s1", "tunnel", "10.1.2.3", datetime(2026, 11, 22, 8, tzinfo=UTC), mfa=True),
    Device("d1", trusted=True, posture={"os": "linux", "updates_days": 3}),
)
DELETE = Statement("SELECT", ("SELECT", "DELETE"), ("public.users",), ("users",), text="WITH …")


def said(source, on=On.CONNECT):
    with pytest.raises(ConditionError) as caught:
        cel.compile(source, on)
    return caught.value


def holds(source, on=On.CONNECT, context=ALICE):
    statement = DELETE if on is On.STATEMENT else None
    return cel.compile(source, on).holds(cel.bind(context, NOW, statement))


@pytest.mark.parametrize(
    "source",
    [
        "ctx.user.name == 'alice' && ctx.user.email.endsWith('@example.com')",
        "'dba' in ctx.user.groups",
        "ctx.user.groups.exists(g, g.startsWith('st'))",
        "ctx.device.trusted && ctx.device.posture.os == 'linux' && ctx.device.id == 'd1'",
        "ctx.device.posture.updates_days < 30",
        "!has(ctx.device.posture.firewall)",
        "ctx.session.method == 'tunnel' && ctx.session.mfa",
        "ctx.now - ctx.session.started > duration('6h')",
        "ctx.session.client.inNetwork('10.0.0.0/8')",
        "!ctx.session.client.inNetwork('fd00::/8')",
        "ctx.service.name == 'orders' && ctx.service.labels.env == 'prod'",
        "ctx.now.getHours('Europe/Berlin') == 15 && ctx.now.getDayOfWeek('Europe/Berlin') == 0",
        "ctx.now < timestamp('2027-01-01T00:00:00Z')",
        "ctx.request.postgres.connect.user == 'app'",
        "ctx.request.postgres.connect.database.matches('^shop(_test)?$')",
        "ctx.request.postgres.connect.parameters['replication'] == 'database'",
        "ctx.request.postgres.connect.application_name.lowerAscii() == 'psql'",
    ],
)
def test_what_holds_of_a_connection(source):
    assert holds(source)


@pytest.mark.parametrize(
    "source",
    [
        "ctx.request.postgres.statement.kind == 'SELECT'",
        "'DELETE' in ctx.request.postgres.statement.kinds",
        "!ctx.request.postgres.statement.kinds.all(k, k == 'SELECT')",
        "ctx.request.postgres.statement.tables == ['public.users']",
        "'users' in ctx.request.postgres.statement.names && ctx.user.name == 'alice'",
        "!ctx.request.postgres.statement.reads && ctx.request.postgres.statement.whole",
    ],
)
def test_what_holds_of_a_statement(source):
    assert holds(source, On.STATEMENT)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("ctx.device.posture.firewall == true", "firewall"),
        ("ctx.service.labels['team'] == 'x'", "team"),
        ("1 / 0 == 1", "divide by zero"),
        ("ctx.device.posture.os < 3", "No matching overload"),
    ],
)
def test_what_fails_does_not_hold_nor_does_its_opposite(source, why):
    for each in (source, f"!({source})"):
        match = cel.compile(each)
        variables = cel.bind(ALICE, NOW)
        found = match.evaluate(variables)
        assert isinstance(found, Failed)
        assert why.lower() in found.why.lower()
        assert match.holds(variables) is False


def test_what_is_decided_without_what_fails_is_decided():
    assert holds("ctx.user.name == 'alice' || ctx.device.posture.firewall")
    assert holds("!(ctx.user.name == 'bob' && ctx.device.posture.firewall)")


def test_a_missing_value_fails_rather_than_being_false():
    unknown = Statement("UNPARSED", ("UNPARSED",), parsed=False, whole=False)
    variables = cel.bind(ALICE, NOW, unknown)
    prefix = "ctx.request.postgres.statement"
    for name in ("kinds", "tables", "names", "functions", "settings"):
        match = cel.compile(f"!('x' in {prefix}.{name})", On.STATEMENT)
        assert isinstance(match.evaluate(variables), Failed)
    reads = cel.compile(f"!{prefix}.reads", On.STATEMENT).evaluate(variables)
    assert reads == Failed(f"{prefix}.reads is not known here")
    assert isinstance(cel.compile(f"{prefix}.text == ''", On.STATEMENT).evaluate(variables), Failed)
    assert cel.compile(f"{prefix}.kind == 'UNPARSED'", On.STATEMENT).holds(variables)


@pytest.mark.parametrize(
    ("source", "place", "message", "hint"),
    [
        ("ctx.usr.name == ''", (1, 8), "undeclared reference", "did you mean ctx.user.name?"),
        ("true &&\n ctx.user.nam == ''", (2, 10), "line 2, column 10", "ctx.user.name?"),
        ("ctx.user == ''", (1, 4), "undeclared", "it has parts: ctx.user.name"),
        ("ctx.user.name ==", (1, 17), "syntax error: mismatched input '<EOF>'", None),
        ("ctx.user.name == 1", (1, 15), "no matching overload", None),
        ("ctx.request.postgres.statement.kind == ''", (1, 31), "undeclared", "`on: statement`"),
        ("ctx.user.name", (0, 0), "of type string, not true or false", "compare it"),
        ("ctx.device.posture.trusted", (0, 0), "of type dyn", "compare it"),
        ("  ", (0, 0), "empty", "always"),
        ("ctx.now.getHours('Mars/Base') > 8", (0, 0), "always fails: invalid timezone", None),
        ("ctx.user.name.matches('(')", (0, 0), "missing ): (", None),
        ("ctx.session.client.inNetwork('10.0.0.1/8')", (0, 0), "is no network", None),
        ("x" * 4097, (0, 0), "longer than 4096 bytes", None),
        ("(" * 400 + "true" + ")" * 400, (0, 0), "nested too deeply", None),
        ("1" + "+1" * 600 + " == 1", (0, 0), "nested too deeply", None),
        ("\udc80", (0, 0), "", None),
    ],
)
def test_wrong_conditions_are_refused_with_their_place(source, place, message, hint):
    error = said(source)
    assert (error.line, error.column) == place
    assert message in error.message
    assert hint is None or hint in error.hint


def test_what_looks_at_the_clock_is_known():
    assert cel.compile("ctx.user.name == 'ctx.now'").timeless
    assert not cel.compile("ctx . now > ctx.session.started").timeless


def test_what_looks_at_texts_is_known():
    prefix = "ctx.request.postgres.statement"
    assert cel.compile(f"{prefix}.kind == 'text'", On.STATEMENT).textless
    assert not cel.compile(f"{prefix}\n.text == ''", On.STATEMENT).textless


def test_iterations_are_bounded():
    many = Context(User("a", tuple(f"g{n}" for n in range(1000))), ServiceFacts("s"))
    source = "ctx.user.groups.all(a, ctx.user.groups.all(b, a != '' || b != ''))"
    found = cel.compile(source).evaluate(cel.bind(many, NOW))
    assert found == Failed("iteration budget exceeded")


def test_values_that_are_no_text_fail_where_they_are_looked_at():
    odd = Context(User("\udc80", ("é",)), ServiceFacts("s"))
    variables = cel.bind(odd, NOW)
    assert isinstance(cel.compile("ctx.user.name != 'x'").evaluate(variables), Failed)
    assert cel.compile("ctx.user.groups == ['é'] && 'é'.size() == 1").holds(variables)


def test_every_variable_has_a_value():
    bare = Context(User("a"), ServiceFacts("s"))
    assert bare.variables(NOW).keys() == CONNECT_TYPES.keys()
    assert bare.variables(NOW, DELETE).keys() == STATEMENT_TYPES.keys()
    for name, kind in STATEMENT_TYPES.items():
        source = f"type({name}) == type({name})" if "map" in kind else f"{name} == {name}"
        match = cel.compile(source, On.STATEMENT)
        assert match.holds(cel.bind(bare, NOW, DELETE)), name


@pytest.mark.parametrize(
    ("address", "network", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("fd00::1", "fd00::/8", True),
        ("[fd00::1]", "fd00::/8", True),
        ("10.1.2.3", "fd00::/8", False),
        ("", "0.0.0.0/0", False),
        ("localhost", "0.0.0.0/0", False),
    ],
)
def test_addresses_in_networks(address, network, expected):
    assert cel.in_network(address, network) is expected


def test_without_the_library_it_says_what_to_install(monkeypatch):
    def missing(_name):
        raise ImportError

    cel._cel.cache_clear()
    monkeypatch.setattr(cel, "import_module", missing)
    with pytest.raises(PgwardError, match="cel-expr-python") as caught:
        cel._cel()
    monkeypatch.undo()
    assert "pgward[edge]" in caught.value.hint


@given(
    st.text(max_size=60) | st.text(alphabet="ctx.usergopna()[]'\"!&|=<>?:+-*/ 0123\n", max_size=80)
)
def test_any_text_compiles_or_is_refused(source):
    try:
        match = cel.compile(source)
    except ConditionError:
        return
    assert match.evaluate(cel.bind(ALICE, NOW)) in (True, False) or isinstance(
        match.evaluate(cel.bind(ALICE, NOW)), Failed
    )


ASKED = AccessRequest(
    User("ann", ("oncall",)),
    ServiceFacts("shop", {"env": "prod"}),
    bundles=("shop-reading",),
    reason="TICKET-1",
    seconds=1800,
)


@pytest.mark.parametrize(
    "source",
    [
        "'oncall' in ctx.user.groups",
        "ctx.request.seconds <= 3600 && ctx.now.getFullYear() == 2026",
        "ctx.request.reason.matches('^TICKET-[0-9]+$')",
        "ctx.request.bundles == ['shop-reading'] && size(ctx.request.roles) == 0",
        "ctx.service.labels['env'] == 'prod' && !ctx.request.break_glass",
    ],
)
def test_what_holds_of_an_access_request(source):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert cel.compile(source, On.REQUEST).holds(cel.bind_request(ASKED, now))


def test_rules_on_requests_know_no_session():
    with pytest.raises(ConditionError) as caught:
        cel.compile("ctx.request.reson == ''", On.REQUEST)
    assert caught.value.hint == "did you mean ctx.request.reason?"
