"""``/admin/policy-tester``: what policies would say of somebody, rule by rule, also by a draft."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import devices, policies, resources
from pgward.ca.service.routes.policies import (
    CaseResult,
    CasesRequest,
    ExplanationReply,
    ExplanationRequest,
)
from pgward.client import manifest
from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.policy.cases import METHODS
from pgward.portal.pages.resources import draft as drafts
from pgward.portal.pages.resources import kind_words
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator

router = route.router()
PATH = "/admin/policy-tester"
CASES = "/admin/policy-tester/cases"
MAX_BODY = 1024 * 1024
_REFUSALS = (InvalidInputError, NotFoundError)
_MOST = 200  # services that are offered by name
_MOST_YAML = 128 * 1024
_Word = Annotated[str, Field(max_length=500)]
_Text = Annotated[str, Field(max_length=10_000)]
_Asked = Annotated[str, Query(max_length=253)]


class Trial(Form):
    """The question; ``draft`` is YAML of services and policies in place of what is stored.

    What is left empty of the person is as the authority knows it. ``act`` says whether to answer.
    """

    act: Annotated[str, Field(max_length=20)] = "ask"
    user: _Word = ""
    service: _Word = ""
    groups: _Text = ""
    client: _Word = ""
    at: _Word = ""
    method: Annotated[str, Field(max_length=20)] = METHODS[0]
    mfa: bool = False
    reason: _Word = ""
    device: _Word = ""
    trusted: bool = False
    posture: _Text = ""
    role: _Word = ""
    database: _Word = ""
    application: _Word = ""
    sql: Annotated[str, Field(max_length=32 * 1024)] = ""
    draft: Annotated[str, Field(max_length=_MOST_YAML)] = ""

    def body(self) -> ExplanationRequest:
        """Return it as the API takes it; raise InvalidInputError."""
        groups = [each.strip() for each in self.groups.splitlines() if each.strip()]
        device: dict[str, Any] = {"trusted": self.trusted, "posture": _mapping(self.posture)}
        given = {
            "user": {"name": self.user.strip(), "groups": groups or None},
            "service": self.service.strip(),
            "connect": {
                "user": self.role.strip(),
                "database": self.database.strip(),
                "application_name": self.application.strip(),
            },
            "session": {
                "client": self.client.strip(),
                "method": self.method,
                "mfa": self.mfa,
                "reason": self.reason.strip(),
            },
            "device": {"id": self.device} if self.device else device,
            "at": _moment(self.at.strip()),
            "sql": self.sql,
            "drafts": _documents(self.draft),
        }
        return forms.checked(ExplanationRequest, given)


class Cases(Form):
    """YAML of PolicyTests, and of services and policies that they are tried against."""

    documents: Annotated[str, Field(max_length=_MOST_YAML)] = ""


@router.get(PATH)
def begin(frame: Administrator, service: _Asked = "", user: _Asked = "") -> Response:
    """Show the question, to be filled in."""
    return _page(frame, Trial(service=service, user=user))


@router.post(PATH)
def ask(frame: Administrator) -> Response:
    """Answer; nothing is changed, so the answer is the page."""
    form = frame.form(Trial)
    if form.act == "begin":  # with a draft that somebody is writing
        return _page(frame, form.model_copy(update={"service": form.service or _named(form.draft)}))
    try:
        found = policies.explain(frame.context, frame.me, form.body())
    except _REFUSALS as error:
        return _page(frame, form, problem=error)
    return _page(frame, form, found)


@router.get(CASES)
def begin_cases(frame: Administrator) -> Response:
    """Ask for cases."""
    return _cases_page(frame, Cases())


@router.post(CASES)
def decide_cases(frame: Administrator) -> Response:
    """Decide them; nothing is changed."""
    form = frame.form(Cases)
    try:
        body = forms.checked(CasesRequest, {"documents": _documents(form.documents)})
        found = policies.decide_cases(frame.context, frame.me, body).results
    except _REFUSALS as error:
        return _cases_page(frame, form, problem=error)
    return _cases_page(frame, form, found)


def _cases_page(
    frame: Administrator,
    form: Cases,
    found: Sequence[CaseResult] | None = None,
    problem: PgwardError | None = None,
) -> Response:
    return frame.show(
        "resources/cases.html",
        status=200 if problem is None else errors.status(problem),
        form=form,
        found=found,
        failed=sum(not each.ok for each in found or ()),
        problem=None if problem is None else kind_words.for_page(problem),
    )


def _page(
    frame: Administrator,
    form: Trial,
    found: ExplanationReply | None = None,
    problem: PgwardError | None = None,
) -> Response:
    every = resources.every(frame.context, frame.me, "Service", limit=_MOST).resources
    return frame.show(
        "resources/tester.html",
        status=200 if problem is None else errors.status(problem),
        form=form,
        methods=METHODS,
        services=[each["metadata"]["name"] for each in every],
        devices=_devices(frame, form.user.strip()),
        found=found,
        problem=None if problem is None else kind_words.for_page(problem),
    )


def _devices(frame: Administrator, user: str) -> list[devices.DeviceInfo]:
    """Return the devices of whoever is named; none where there is nobody of the name."""
    if not user:
        return []
    try:
        return devices.of_person(frame.context, frame.me, user).devices
    except _REFUSALS:
        return []


def _moment(text: str) -> str | None:
    """Return a time as the API takes it; a form's control for times knows no zone: it is UTC."""
    if not text:
        return None
    has_zone = text.endswith("Z") or "+" in text
    with_seconds = f"{text}:00" if len(text) == len("2026-11-23T09:30") else text
    return text if has_zone else f"{with_seconds}Z"


def _mapping(yaml: str) -> Mapping[str, Any]:
    if not yaml.strip():
        return {}
    found = drafts.read(yaml)
    if found.document is None:
        first = found.problems[0]
        raise InvalidInputError(f"line {first.line} of the posture: {first.message}")
    return found.document.value


def _documents(yaml: str) -> list[dict[str, Any]]:
    """Return all documents of a draft; raise InvalidInputError."""
    if not yaml.strip():
        return []
    return [each.value for each in manifest.read_text(yaml, "the draft")]


def _named(yaml: str) -> str:
    """Return the name of the service that a draft is of, if it is of one."""
    found = drafts.read(yaml).document
    if found is None or found.value.get("kind") != "Service":
        return ""
    metadata = found.value.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
