"""``pgward policy test | explain``: try policies out, before anybody meets them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from pgward.client import options, policy_answers, policy_cases, policy_of_oneself
from pgward.client.api import ApiClient
from pgward.client.manifest import Document
from pgward.client.phrases import counted
from pgward.client.policy_configs import Choice
from pgward.client.policy_sources import Ruled, Sources, read_files, within
from pgward.core.clock import SystemClock
from pgward.core.errors import DeniedError, InvalidInputError, LoginNeededError, NotFoundError
from pgward.policy import explaining
from pgward.policy.cases import (
    METHODS,
    Asked,
    Case,
    Test,
    read_asked,
    read_test,
    shown,
)
from pgward.policy.context import ServiceFacts
from pgward.policy.explaining import Explanation, Looked
from pgward.system import terminal

_FAILED = 1
_RULES = {
    "priority": "PRIORITY",
    "rule": "RULE",
    "effect": "EFFECT",
    "what": "WHAT OF IT",
    "because": "BECAUSE",
}
_CONFIGS = {"config": "CONFIG", "match": "MATCH", "outcome": "WHAT OF IT"}
_CASES = {"case": "CASE", "result": "RESULT"}

policy_option = click.option(
    "--policy", "names", multiple=True, metavar="NAME", help="In place of the service's; repeat it."
)
files_option = click.option(
    "-f",
    "--filename",
    "sources",
    multiple=True,
    metavar="FILE|DIR|-",
    help="Take policies and services from here rather than from the CA; repeat it for more.",
)


@click.group()
def policy() -> None:
    """Try policies out: by cases with the answers that are expected, or by one question."""


@policy.command("test")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@options.output
def run_tests(sources: tuple[str, ...], output: str) -> None:
    """Decide the cases in files, and compare with what they expect.

    A FILE holds resources of the kinds PolicyTest and Policy, and Service where a test names one; a
    directory or - does, too. Policies and services that no file has are asked from the CA. The
    status is 1 when a case is not decided as it should be.
    """
    documents = read_files(sources)
    with _behind(documents) as found:
        tests = found.tests()
        if not tests:
            raise InvalidInputError("no file has a PolicyTest", hint="pgward policy test --help")
        rows = [row for each in tests for row in _results(each, found)]
    failed = sum(not row["ok"] for row in rows)
    if output == "table":
        bad = [{"case": row["case"], "result": row["problem"]} for row in rows if not row["ok"]]
        if bad:
            terminal.table(bad, _CASES)
        terminal.note(f"{counted(len(rows), 'case')}, {failed or 'none'} failed")
    else:
        terminal.structured(rows, output)
    if failed:
        raise SystemExit(_FAILED)


def _results(document: Document, sources: Sources) -> Iterator[dict[str, Any]]:
    ruled, cases = _read_test(document, sources)
    for each in policy_cases.results(ruled, cases):
        name = f"{document.name}: {each.name}"
        yield {"case": name, "ok": each.problem is None, "problem": each.problem}


def _read_test(document: Document, sources: Sources) -> tuple[Ruled, list[Case]]:
    """Return the policies that a PolicyTest is about, and its cases."""
    test: Test = within(document, lambda: read_test(document.value.get("spec")))
    ruled = policy_cases.subject(test, sources)
    if not ruled.policies:
        where = document.where("spec")
        raise InvalidInputError(
            "no policy is tested", where=where, hint="service: NAME, or policies: [NAME]"
        )
    now = SystemClock().now()
    cases: list[Case] = within(document, lambda: policy_cases.read(test, ruled, now))
    return ruled, cases


@policy.command(short_help="Say which rule decides, and why.")
@click.option("--user", metavar="NAME", help="The person.  [default: oneself]")
@click.option("--service", required=True, metavar="NAME", help="What they want to use.")
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="Of the person.  [default: as the CA]"
)
@click.option(
    *("--grant", "grants"),
    multiple=True,
    metavar="NAME",
    help="A bundle or role that they have.  [default: as the CA]",
)
@click.option("--email", default="", metavar="ADDRESS", help="The person's.")
@click.option("--role", default="", metavar="NAME", help="The PostgreSQL role that is asked for.")
@click.option("--database", default="", metavar="NAME", help="The database that is asked for.")
@click.option("--application", default="", metavar="NAME", help="Its application_name.")
@click.option("--sql", metavar="TEXT", help="Statements, to be decided once connected.")
@click.option("--at", metavar="TIME", help="When, as 2026-11-22T09:30:00Z.  [default: now]")
@click.option("--client", default="", metavar="IP", help="From where.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="certificate",
    help="The way in.",
    show_default=True,
)
@click.option("--reason", default="", metavar="TEXT", help="Why, where the service asks for that.")
@click.option("--mfa", is_flag=True, help="The person logged in with a second factor.")
@click.option("--trusted-device", is_flag=True, help="Their device is approved.")
@policy_option
@files_option
@options.output
def explain(
    *,
    user: str | None,
    service: str,
    groups: tuple[str, ...],
    grants: tuple[str, ...],
    names: tuple[str, ...],
    sources: tuple[str, ...],
    sql: str | None,
    output: str,
    **facts: Any,
) -> None:
    """Say which rule decides about a connection or a statement, and why others do not.

    Nothing is connected. Without --user it is about yourself, as you are logged in now: that shows
    what decides, and the rules to administrators only. With -f the CA is asked only for what no
    file has, and the person is in the groups of --group only. What the service itself says, as
    `allow` and `login`, is looked at as well. The status is 1 where the answer is no.
    """
    if user is None:
        _check_own(groups=groups, grants=grants, policy=names, filename=sources, **facts)
        _finish(policy_of_oneself.ask(service, sql or "", facts), output)
        return
    documents = read_files(sources)
    with _behind(documents) as known_here, _for_others():
        if documents and names and not known_here.has_service(service):
            ruled = Ruled(ServiceFacts(service), known_here.policies(names))
        else:
            ruled = known_here.service(service, names or None)
        held, known = list(grants), list(groups)
        if not grants and not documents:
            held = _grants(user, service)
        if not groups and not documents:
            known = _groups(user)
    person = {"name": user, "groups": known, "grants": held, "email": facts.pop("email")}
    asked = _question(ruled, person, facts)
    found = policy_answers.answers(ruled, asked, sql or "")
    if not found.is_ruled:
        terminal.note(f"{service} is in mode tcp: no policy applies, and no statement is seen")
    _finish(found.every, output, found.choice)


def _finish(answers: Sequence[Explanation], output: str, chosen: Choice | None = None) -> None:
    _show(answers, output, chosen)
    if not all(each.decision.allowed for each in answers):
        raise SystemExit(_FAILED)


def _check_own(**given: Any) -> None:
    """Raise InvalidInputError for what only makes sense of others, or of files."""
    for name, value in given.items():
        if value and name not in policy_of_oneself.SAID:
            option = name.removesuffix("s").replace("_", "-")
            raise InvalidInputError(f"--{option} needs --user", hint="--user NAME says for whom")


def _question(ruled: Ruled, user: dict[str, Any], facts: dict[str, Any]) -> Asked:
    fields = {
        "user": user,
        "service": {"name": ruled.facts.name, "labels": dict(ruled.facts.labels)},
        "connect": {
            "user": facts["role"],
            "database": facts["database"],
            "applicationName": facts["application"],
        },
        "session": {name: facts[name] for name in ("client", "method", "mfa", "reason")},
        "device": {"trusted": facts["trusted_device"]},
    }
    if facts["at"] is not None:
        fields["at"] = facts["at"]
    return read_asked(fields, now=SystemClock().now())


@contextmanager
def _behind(documents: Sequence[Document]) -> Iterator[Sources]:
    """Give the files with the CA behind them, which is asked only for what no file has."""
    with ExitStack() as stack:
        opened: list[ApiClient] = []

        def asked(kind: str, name: str) -> dict[str, Any]:
            try:
                if not opened:
                    opened.append(stack.enter_context(options.api()))
            except LoginNeededError as error:
                error.message = f"no file has the {kind} {name!r}, and {error.message}"
                raise
            found: dict[str, Any] = opened[0].get(options.path("resources", kind, name))["resource"]
            return found

        yield Sources(documents, asked)


@contextmanager
def _for_others() -> Iterator[None]:
    """Tell who may not ask about others that everybody may ask about oneself."""
    try:
        yield
    except DeniedError as error:
        error.hint = "without --user it is about yourself"
        raise


def _groups(user: str) -> list[str]:
    with options.api() as api:
        found = api.get(options.path("users", user))["user"]
    return [str(each) for each in found.get("groups") or ()]


def _grants(user: str, service: str) -> list[str]:
    """Return what conditions call somebody's live grants on a service."""
    try:
        with options.api() as api:
            found = api.get("/v1/access/grants", user=user, service=service, state="active")
    except NotFoundError:  # the CA is older
        return []
    names: set[str] = set()
    for each in found["grants"]:
        names |= {*each["bundles"], *each["roles"]} or {each["flow"]}
    return sorted(names)


def _show(answers: Sequence[Explanation], output: str, chosen: Choice | None) -> None:
    if output != "table":
        first, *others = (each.to_json() for each in answers)
        first["config"] = None if chosen is None else chosen.to_json()
        terminal.structured({"connection": first, "statements": others}, output)
        return
    for number, each in enumerate(answers):
        if number:
            terminal.echo()
        _tell(each, None if number else chosen)


def _tell(found: Explanation, chosen: Choice | None) -> None:
    """Show one answer: what is asked about, the rules in their order, and what comes of it."""
    if found.statement is None:
        terminal.echo("the connection")
    else:
        terminal.record(explaining.statement_json(found.statement))
    if found.rules:
        terminal.table([_row(each) for each in found.rules], _RULES)
    if chosen is not None:
        terminal.table([each.to_json() for each in chosen.looked], _CONFIGS)
    decision = found.decision
    reason = f": {decision.reason}" if decision.reason else ""
    terminal.echo(terminal.clean(f"{shown(decision)}{reason}"))
    if chosen is not None and chosen.problem is None:
        terminal.echo(terminal.clean(f"with {chosen.told()}"))


def _row(looked: Looked) -> dict[str, Any]:
    rule = looked.step.rule
    return {
        "priority": rule.priority,
        "rule": looked.step.name,
        "effect": rule.effect.value,
        "what": looked.what,
        "because": "; ".join(f"{source} is {found}" for source, found in looked.because),
    }
