"""What policies would say of somebody, whole: for administrators who try rules out.

What the authority knows of the person is taken as it is, unless the question says otherwise; so are
services and policies, unless drafts of them come with it. Nothing is connected or changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.identity import devices, directory
from pgward.ca.identity.devices import DeviceState
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.resources.fields import FieldError, FieldsError
from pgward.client import policy_answers, policy_cases
from pgward.client.manifest import Document
from pgward.client.policy_answers import Answers
from pgward.client.policy_cases import Result
from pgward.client.policy_sources import TEST, Sources
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.policy.cases import read_asked, read_test
from pgward.policy.context import User
from pgward.policy.reading import SpecError

_DRAFTS = ("Service", "Policy")


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for what, from where; None of what is known is: as the authority knows it.

    ``facts`` are those of a case (`pgward.policy.cases`): connect, session, device, at. ``device``
    is the id of one of theirs, which says what it has said of itself. ``policies`` stand in place
    of the service's own, ``drafts`` (resources as JSON) in place of what is stored.
    """

    user: str
    service: str
    groups: Sequence[str] | None = None
    grants: Sequence[str] | None = None
    email: str | None = None
    device: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    sql: str = ""
    policies: Sequence[str] | None = None
    drafts: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """The answers, and the person as rules saw them."""

    answers: Answers
    user: User


def explain(connection: Connection, question: Question, now: datetime) -> Explained:
    """Decide; raise NotFoundError, InvalidInputError for a question or a draft that is wrong."""
    sources = Sources(_drafts(question.drafts), _stored(connection))
    ruled = sources.service(question.service, question.policies)
    user = _user(connection, question, now)
    fields = {
        **question.facts,
        "user": {
            "name": user.name,
            "groups": list(user.groups),
            "grants": list(user.grants),
            "email": user.email,
        },
        "service": {"name": ruled.facts.name, "labels": dict(ruled.facts.labels)},
    }
    if question.device is not None:
        fields["device"] = _device(connection, user.name, question.device)
    asked = read_asked(fields, now=now)
    return Explained(policy_answers.answers(ruled, asked, question.sql), user)


@dataclass(frozen=True, slots=True)
class Tested:
    """The results of one PolicyTest."""

    name: str
    results: Sequence[Result]


def decide_cases(connection: Connection, documents: Sequence[Any], now: datetime) -> list[Tested]:
    """Decide the cases of PolicyTests, with the drafts beside them; nothing is changed.

    Raises FieldsError by ``documents[0].spec…``, NotFoundError for what is neither there.
    """
    tests = [(place, each) for place, each in enumerate(documents) if _kind(each) == TEST]
    if not tests:
        raise InvalidInputError("there is no PolicyTest", hint="docs/reference/policy.md has one")
    others = [each for each in documents if _kind(each) != TEST]
    sources = Sources(_drafts(others), _stored(connection))
    return [_tested(each, sources, f"documents[{place}]", now) for place, each in tests]


def _tested(body: Mapping[str, Any], sources: Sources, where: str, now: datetime) -> Tested:
    try:
        results = _results(body.get("spec"), sources, now)
    except SpecError as error:
        path = f"{where}.spec.{error.path}".rstrip(".")
        raise FieldsError([FieldError(path, error.what)]) from None
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return Tested(str(name or TEST), results)


def _results(spec: object, sources: Sources, now: datetime) -> list[Result]:
    test = read_test(spec)
    ruled = policy_cases.subject(test, sources)
    if not ruled.policies:
        raise SpecError("", "tests no policy: give service: NAME, or policies: [NAME]")
    return list(policy_cases.results(ruled, policy_cases.read(test, ruled, now)))


def _kind(body: Any) -> Any:
    return body.get("kind") if isinstance(body, dict) else None


def _drafts(bodies: Sequence[Any]) -> list[Document]:
    """Read drafts as they would be applied; raise FieldsError."""
    found = []
    for body in bodies:
        kind = _kind(body)
        if kind not in _DRAFTS:
            raise InvalidInputError(f"a draft is a {' or a '.join(_DRAFTS)}")
        read = kinds.read(kind, body)
        spec = read.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        value = {"kind": kind, "metadata": {"name": read.metadata.name}, "spec": spec}
        found.append(Document("draft", value, 1, {}))
    return found


def _stored(connection: Connection) -> Callable[[str, str], dict[str, Any]]:
    def ask(kind: str, name: str) -> dict[str, Any]:
        return {"spec": resources.get(connection, kinds.canonical(kind), name).spec}

    return ask


def _user(connection: Connection, question: Question, now: datetime) -> User:
    known = directory.find(connection, question.user)
    if known is None and question.groups is None:
        raise NotFoundError(
            f"there is no user {question.user!r}", hint="say in which groups somebody new would be"
        )
    name = question.user if known is None else known.name
    held = admission.held(connection, name, now).get(question.service)
    grants = question.grants if question.grants is not None else held.names if held else ()
    groups = question.groups if question.groups is not None or known is None else known.groups
    email = question.email if question.email is not None or known is None else known.email
    return User(name, tuple(groups or ()), email or "", tuple(grants))


def _device(connection: Connection, user: str, which: str) -> dict[str, Any]:
    found = devices.get(connection, user, which)
    trusted = found.state is DeviceState.APPROVED
    return {"id": found.id, "trusted": trusted, "posture": dict(found.posture or {})}
