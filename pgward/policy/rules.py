"""The engine: policies compiled once, and asked about connections and statements.

All rules of all policies stand in one line: lower priorities first, and DENY before ALLOW where
priorities are equal. The first whose condition holds decides. A condition that fails (CEL's error)
is taken as it does least harm: such an ALLOW does not allow, such a DENY denies.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pgward.policy import cel
from pgward.policy.cel import Failed, Match, Variables
from pgward.policy.context import Context, On, Statement
from pgward.policy.model import Condition, Effect, How, Policy, Rule

Outcome = bool | Failed


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and why: by which rule of which policy, or by which default.

    ``reason`` is for the person. ``failed`` names rules whose conditions failed on the way.
    """

    allowed: bool
    policy: str = ""
    rule: str = ""
    reason: str = ""
    failed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What decided, as logs have it: policy and rule, or the policy whose default it is.

        A rule that is built in is of no policy.
        """
        return "/".join(each for each in (self.policy, self.rule) if each)


@dataclass(frozen=True, slots=True)
class Test:
    """A compiled condition."""

    how: How
    match: Match | None
    of: tuple["Test", ...] = ()

    def outcome(self, variables: Variables) -> Outcome:
        """Return what it comes to; a failure counts only where it could change that."""
        if self.match is not None:
            return self.match.evaluate(variables)
        decided = self.how is How.ANY  # what it is once one of them has decided
        failed: Failed | None = None
        for each in self.of:
            found = each.outcome(variables)
            if isinstance(found, Failed):
                failed = failed or found
            elif found is (self.how is not How.ALL):
                return decided
        return failed or not decided

    def matches(self) -> Iterator[Match]:
        """Give every expression in it."""
        if self.match is not None:
            yield self.match
        for each in self.of:
            yield from each.matches()


@dataclass(frozen=True, slots=True)
class Step:
    """One rule, compiled, with the policy that it is of."""

    policy: str
    rule: Rule
    test: Test

    @property
    def name(self) -> str:
        """Policy and rule as people read them."""
        return f"{self.policy}/{self.rule.name}"


@dataclass(frozen=True, slots=True)
class Default:
    """What is done where no rule decides, and the policy that says so."""

    effect: Effect
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """Policies, ready to be asked. ``rules_statements`` is false when none is about statements."""

    connects: tuple[Step, ...]
    statements: tuple[Step, ...]
    connect_default: Default
    statement_default: Default
    unparsed_default: Default

    @classmethod
    def compile(cls, policies: Iterable[Policy]) -> "Engine":
        """Compile policies; raise ConditionError, which names policy and rule."""
        given = list(policies)
        return cls(
            connects=_steps(given, On.CONNECT),
            statements=_steps(given, On.STATEMENT),
            connect_default=_default((each.name, _on_connect(each)) for each in given),
            statement_default=_default((each.name, each.statements) for each in given),
            unparsed_default=_default((each.name, _on_unparsed(each)) for each in given),
        )

    @property
    def rules_statements(self) -> bool:
        """Tell whether any statement could be denied."""
        defaults = (self.statement_default.effect, self.unparsed_default.effect)
        denies = any(step.rule.effect is Effect.DENY for step in self.statements)
        return denies or Effect.DENY in defaults

    @property
    def timeless(self) -> bool:
        """Tell whether statements are decided alike at any time."""
        return all(match.timeless for match in self._matches())

    @property
    def textless(self) -> bool:
        """Tell whether statements are decided by what they are, whatever their very words."""
        return all(match.textless for match in self._matches())

    def _matches(self) -> Iterator[Match]:
        for step in self.statements:
            yield from step.test.matches()

    def connect(self, context: Context, now: datetime) -> Decision:
        """Decide about a connection as it begins."""
        return _decide(self.connects, cel.bind(context, now), self.connect_default)

    def statement(self, context: Context, now: datetime, statement: Statement) -> Decision:
        """Decide about one statement."""
        default = self.statement_default if statement.parsed else self.unparsed_default
        found = _decide(self.statements, cel.bind(context, now, statement), default)
        if found.allowed or not statement.why:
            return found
        if not found.rule and not statement.parsed:
            reason = f"policy {found.policy} denies what cannot be read: {statement.why}"
        elif found.failed and (not found.rule or found.failed[-1].startswith(f"{found.name}: ")):
            # A slip of the pen would else be told as if it were what the rule is about.
            reason = f"{found.reason} (this cannot be read: {statement.why})"
        else:
            return found
        return replace(found, reason=reason)

    def text(self, context: Context, now: datetime, statements: Sequence[Statement]) -> Decision:
        """Decide about all statements of a text: the first that is denied, denies it."""
        found = Decision(allowed=True)
        for each in statements:
            found = self.statement(context, now, each)
            if not found.allowed:
                break
        return found


def _steps(policies: Iterable[Policy], on: On) -> tuple[Step, ...]:
    found = [
        Step(policy.name, rule, _compiled(policy.name, rule, rule.condition))
        for policy in policies
        for rule in policy.rules
        if rule.on is on
    ]
    return tuple(sorted(found, key=lambda step: (step.rule.priority, step.rule.effect.allows)))


def _compiled(policy: str, rule: Rule, condition: Condition) -> Test:
    if condition.how is How.MATCH:
        try:
            return Test(condition.how, cel.compile(condition.source, rule.on))
        except cel.ConditionError as error:
            where = f"rule {rule.name} of policy {policy}"
            raise cel.ConditionError(
                f"{where}: {error.message}", line=error.line, column=error.column, hint=error.hint
            ) from None
    of = tuple(_compiled(policy, rule, each) for each in condition.of)
    return Test(condition.how, None, of)


def _default(wanted: Iterable[tuple[str, Effect | None]]) -> Default:
    """Return DENY of the first policy that wants it, or else ALLOW."""
    found = [Default(effect, policy) for policy, effect in wanted if effect is not None]
    denying = [each for each in found if each.effect is Effect.DENY]
    return (denying or found or [Default(Effect.ALLOW)])[0]


def _on_connect(policy: Policy) -> Effect | None:
    """Return what a policy says of connections that no rule of it allows."""
    has_rules = any(rule.on is On.CONNECT for rule in policy.rules)
    return policy.connect or (Effect.DENY if has_rules else None)


def _on_unparsed(policy: Policy) -> Effect | None:
    """Return what a policy says of statements that it cannot see: it denies, if it rules any."""
    has_rules = any(rule.on is On.STATEMENT for rule in policy.rules)
    rules = has_rules or policy.statements is Effect.DENY
    return policy.unparsed or (Effect.DENY if rules else None)


def _decide(steps: Iterable[Step], variables: Variables, default: Default) -> Decision:
    failed: list[str] = []
    for step in steps:
        outcome = step.test.outcome(variables)
        if isinstance(outcome, Failed):
            failed.append(f"{step.name}: {outcome.why}")
        if outcome is True or (isinstance(outcome, Failed) and not step.rule.effect.allows):
            return _by(step, failed)
    allowed = default.effect.allows
    reason = "" if allowed else f"no rule of policy {default.policy} allows it"
    return Decision(allowed, default.policy, reason=reason, failed=tuple(failed))


def _by(step: Step, failed: Sequence[str]) -> Decision:
    allowed = step.rule.effect.allows
    reason = "" if allowed else step.rule.reason or f"rule {step.rule.name} denies it"
    return Decision(allowed, step.policy, step.rule.name, reason, tuple(failed))
