"""Cases of a PolicyTest, decided: by the policies of a service, or by those that it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pgward.client.policy_sources import BUILT_IN, Ruled, Sources
from pgward.policy.cases import Case, Test, check_rules
from pgward.policy.context import ServiceFacts
from pgward.policy.rules import Engine


@dataclass(frozen=True, slots=True)
class Result:
    """One case, and what is not as it expects; None where it is."""

    name: str
    problem: str | None


def subject(test: Test, sources: Sources) -> Ruled:
    """Return what a test is about: a service, or policies; there may be none."""
    facts = ServiceFacts("service")
    if test.service is not None:
        return sources.service(test.service, test.policies)
    if test.policies is not None:
        return Ruled(facts, sources.policies(test.policies))
    return Ruled(facts, sources.all_policies())


def read(test: Test, ruled: Ruled, now: datetime) -> list[Case]:
    """Return a test's cases; raise SpecError. ``now`` is the time of those that give none."""
    cases = test.read_cases(ruled.facts, now=now)
    check_rules(cases, ruled.policies, BUILT_IN)
    return cases


def results(ruled: Ruled, cases: Sequence[Case]) -> Iterator[Result]:
    """Decide each case, and compare with what it expects."""
    engine = Engine.compile(ruled.policies)
    for case in cases:
        context, at = case.asked.context, case.asked.at
        closed = ruled.closed(engine, context, at)
        yield Result(case.name, case.problem(engine, ruled.guard(context, at), closed))
