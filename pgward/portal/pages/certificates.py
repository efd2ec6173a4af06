"""``/databases/NAME/certificate``: a key and a login certificate as files, for this one answer.

The certificate is issued as any other login certificate is, by the same rules, and is revoked when
the sign-in ends. The key is made here and kept nowhere: ADR 37 says why.
"""

import secrets
from base64 import b64encode
from dataclasses import dataclass, field

from anyio.to_thread import run_sync
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import Response

from pgward.ca.issuing.issuance import Issued
from pgward.ca.service.models import LoginCertificateRequest
from pgward.ca.service.routes import issuing, public
from pgward.core.errors import DeniedError
from pgward.pki import csr, keys, pem, pkcs12
from pgward.portal.pages import connect, database
from pgward.portal.pages.clients import FILES
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
_NAME = "user"  # pgjdbc looks for an entry of this name, and for no other
_PASSWORD_BYTES = 16
_PEM = "application/x-pem-file"


class Wish(Form):
    """Nothing but the wish."""


@dataclass(frozen=True, slots=True)
class Given:
    """A file in an answer; ``content`` is base64."""

    name: str
    what: str
    kind: str
    content: str = field(repr=False)

    @property
    def address(self) -> str:
        """The file itself, as a link holds it (RFC 2397): it is at no other address."""
        return f"data:{self.kind};base64,{self.content}"


@router.post("/databases/{service}/certificate")
async def files(frame: Signed, service: database.Name) -> Response:
    """Make a key and have a certificate issued for it; show both once."""
    frame.form(Wish)
    context, me = frame.context, frame.me
    try:
        await run_sync(_check, frame, service)
        context.limits.issuing(me.user.name, context.monotonic())
        key = await run_sync(keys.generate)
        body = LoginCertificateRequest(csr=csr.make(key).decode())
        issued = await issuing.issue(context, me, body)
    except connect.REFUSALS as error:
        return await run_sync(connect.page, frame, service, error)
    await run_sync(_record, frame, service, issued)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    roots = await run_sync(public.trust, context)
    given = _files(key, issued, "".join(roots.server_roots), password)
    return await run_sync(_show, frame, service, issued, given, password)


def _check(frame: Frame, name: str) -> None:
    """Raise DeniedError where there is no such way in, or nobody is to have such files."""
    found = database.find(frame, name)
    if found is None or not found.ways.certificate:
        raise DeniedError(f"you cannot use {name} with a certificate now")
    if not frame.context.desk.settings.login.certificate_files:
        raise DeniedError(
            "this authority gives out no certificates as files",
            hint="pgward login makes the key on your own machine",
        )


def _record(frame: Frame, service: str, issued: Issued) -> None:
    with frame.context.acts.act(frame.me.user.name, "certificate.files", issued.serial_hex) as act:
        act.details |= {"service": service, "session": frame.me.id}


def _files(
    key: ec.EllipticCurvePrivateKey, issued: Issued, roots: str, password: str
) -> list[Given]:
    chain = [issued.certificate, *issued.chain]
    bundle = pkcs12.bundle(_NAME, key, issued.certificate, issued.chain, password)
    contents = [
        (FILES.pkcs12, "Key and certificate in one, PKCS#12", "application/x-pkcs12", bundle),
        (FILES.key_der, "Key for Java: DBeaver, DataGrip", "application/pkcs8", keys.to_der(key)),
        (FILES.key, "Key for psql, pgAdmin and drivers", _PEM, keys.to_pem(key, None)),
        (FILES.cert, "Certificate", _PEM, pem.join(chain)),
        (FILES.ca, "What verifies the server", _PEM, roots.encode()),
    ]
    return [
        Given(str(path), what, kind, b64encode(data).decode("ascii"))
        for path, what, kind, data in contents
    ]


def _show(
    frame: Frame, service: str, issued: Issued, given: list[Given], password: str
) -> Response:
    return frame.show(
        "certificate.html",
        service=service,
        files=given,
        password=password,
        serial=issued.serial_hex,
        until=issued.certificate.not_valid_after_utc,
    )
