"""``/admin/ca/certificates``: every certificate that was issued, one of them, and revoking it."""

from typing import Annotated, Any

from fastapi import Path, Response

from pgward.ca.records import PEOPLES, Kind
from pgward.ca.service import errors
from pgward.ca.service.routes import certificates, log, revocations
from pgward.ca.service.routes.certificates import WholeCertificate
from pgward.client.phrases import counted
from pgward.core.errors import PgwardError
from pgward.pki import merkle
from pgward.pki.merkle import MerkleError
from pgward.portal.pages.machines.common import REASONS, REFUSALS, Revoke
from pgward.portal.pages.machines.fleets import FLEETS
from pgward.portal.web import forms, headers, route
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
PAGE = "/admin/ca/certificates"
_LIMIT = 50
_Serial = Annotated[str, Path(max_length=160)]
_FILTERS = (
    "user",
    "host",
    "edge",
    "connector",
    "service",
    "kind",
    "state",
    "serial",
    "fingerprint",
)
_OWNERS = {"user": "a person", "edge": "an edge", "host": "a host", "connector": "a connector"}
_STATES = ("active", "expired", "revoked", "pending")


@router.get(PAGE)
def every(frame: Administrator) -> Response:
    """Search certificates, the newest first."""
    given = {name: value for name, value in _asked(frame).items() if value}
    problem, found, cursor = None, [], None
    try:
        wanted = forms.checked(certificates.Filters, _wanted(given))
        reply = certificates.every(frame.context, frame.me, wanted)
        found, cursor = reply.certificates, reply.cursor
    except REFUSALS as error:
        problem = error
    return frame.show(
        "machines/certificates.html",
        status=200 if problem is None else errors.status(problem),
        certificates=found,
        next=frame.link(cursor=cursor) if cursor else None,
        first=frame.link(cursor=None) if given.get("cursor") else None,
        given=given,
        owners=_OWNERS,
        kinds=[each.value for each in Kind],
        states=_STATES,
        now=frame.context.now(),
        problem=problem,
    )


@router.get(f"{PAGE}/{{serial}}")
def one(frame: Administrator, serial: _Serial) -> Response:
    """Show a certificate, and whether it stands in the transparency log."""
    return _one(frame, serial)


@router.get(f"{PAGE}/{{serial}}/pem")
def download(frame: Administrator, serial: _Serial) -> Response:
    """Give a certificate as a file; it holds nothing secret."""
    found = certificates.show(frame.context, frame.me, serial)
    name = f'attachment; filename="{found.serial}.pem"'
    return Response(
        found.pem or "",
        media_type="application/x-pem-file",
        headers={**headers.COMMON, "Content-Disposition": name},
    )


@router.post(f"{PAGE}/{{serial}}")
def revoke(frame: Administrator, serial: _Serial) -> Response:
    """Revoke a certificate."""
    try:
        form = frame.form(Revoke)
        given = {"reason": form.reason, "comment": form.comment.strip()}
        body = forms.checked(revocations.RevokeRequest, given)
        done = revocations.revoke(frame.context, frame.me, serial, body)
    except REFUSALS as error:
        return _one(frame, serial, error)
    told = f"{counted(done.revoked, 'certificate')} revoked." if done.revoked else "It was already."
    return frame.go(f"{PAGE}/{serial}", told)


def _asked(frame: Frame) -> dict[str, str]:
    query = frame.request.query_params
    return {name: query.get(name, "").strip() for name in (*_FILTERS, "owner", "name", "cursor")}


def _wanted(given: dict[str, str]) -> dict[str, Any]:
    """Return the filters of the API; the form names an owner by two fields."""
    found: dict[str, Any] = {name: given[name] for name in _FILTERS if name in given}
    if given.get("name"):
        owner = given.get("owner", "")
        found[owner if owner in _OWNERS else "user"] = given["name"]
    if "cursor" in given:
        found["cursor"] = given["cursor"]
    return found | {"limit": _LIMIT}


def _one(frame: Frame, serial: str, problem: PgwardError | None = None) -> Response:
    found = certificates.show(frame.context, frame.me, serial)
    return frame.show(
        "machines/certificate.html",
        status=200 if problem is None else errors.status(problem),
        certificate=found,
        proof=_proof(frame, found),
        owner=_page_of(frame, found),
        reasons=REASONS,
        now=frame.context.now(),
        problem=problem,
    )


def _proof(frame: Frame, found: WholeCertificate) -> tuple[log.Inclusion, str | None] | None:
    """Return the proof that a certificate is in the log, and what is wrong with it, if anything."""
    if found.log_index is None:
        return None
    shown = log.inclusion(
        context=frame.context, session=frame.me, serial=found.serial, fingerprint=None, index=None
    )
    if shown.head is None:
        return shown, "there is no signed head of that size"
    leaf, root = bytes.fromhex(shown.leaf_hash), bytes.fromhex(shown.head.root)
    path = [bytes.fromhex(each) for each in shown.proof]
    try:
        merkle.check_inclusion(leaf, shown.log_index, shown.size, path, root)
    except MerkleError as error:
        return shown, error.message
    return shown, None


def _page_of(frame: Frame, found: WholeCertificate) -> str | None:
    """Return the page of whose certificate it is; a server with one by ACME has none."""
    fleet = next((each for each in FLEETS if each.kind == found.kind), None)
    if fleet is not None:
        known = {each.name for each in fleet.every(frame)}
        return f"{fleet.path}/{found.subject}" if found.subject in known else None
    return f"/admin/people/{found.subject}" if found.kind in PEOPLES else None
