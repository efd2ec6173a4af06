from datetime import UTC, datetime

from pgward.policy.context import Context, Device, ServiceFacts, Statement, User

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PREFIX = "ctx.request.postgres.statement"


def test_what_does_not_change_is_put_together_once():
    context = Context(User("alice", ("dba",), grants=("reading",)), ServiceFacts("orders"))
    assert context.facts is context.facts
    assert context.variables(NOW)["ctx.user.groups"] == ["dba"]
    assert context.variables(NOW)["ctx.user.grants"] == ["reading"]
    assert context.variables(NOW)["ctx.now"] == NOW


def test_the_values_of_one_question_are_its_own():
    device = Device(posture={"os": "linux"})
    context = Context(User("alice"), ServiceFacts("orders"), device=device)
    context.variables(NOW)["ctx.now"] = None
    assert context.variables(NOW)["ctx.now"] == NOW


def test_of_an_unread_statement_only_its_kind_is_known():
    unread = Statement("UNPARSED", ("UNPARSED",), text="%", parsed=False)
    assert unread.facts == {
        f"{PREFIX}.kind": "UNPARSED",
        f"{PREFIX}.whole": True,
        f"{PREFIX}.protocol": "simple",
        f"{PREFIX}.text": "%",
    }
    cut = Statement("UNPARSED", ("UNPARSED",), text="", whole=False, parsed=False)
    assert f"{PREFIX}.text" not in cut.facts
