"""Second factors on ``/me``: an authenticator app, and recovery codes."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import mfa
from pgward.core.errors import PgwardError
from pgward.portal.pages import me
from pgward.portal.pages.me import PAGE, REFUSALS
from pgward.portal.pages.proofs import Proven
from pgward.portal.web import forms, route
from pgward.portal.web.frame import Frame, Signed

router = route.router()
_Fact = Annotated[str, Field(max_length=1000)]


class NewApp(Proven):
    """The first code of an app, and what was shown to set it up; that comes back as it was."""

    code: Annotated[str, Field(max_length=100)]
    enrolment: Annotated[str, Field(max_length=2000)]
    uri: _Fact
    secret: _Fact


@router.post("/me/app")
def begin(frame: Signed) -> Response:
    """Show what an authenticator app scans; nothing is stored until its first code comes."""
    offered = mfa.begin_totp(frame.context, frame.me)
    return _app(frame, offered)


@router.post("/me/app/confirm")
async def confirm(frame: Signed) -> Response:
    """Store the app, and show the recovery codes that come with the first one."""
    form = frame.form(NewApp)
    given = {"enrolment": form.enrolment, "code": form.code.replace(" ", "")}
    try:
        body = forms.checked(mfa.Confirmation, given)
        body.proof = form.proof
        made = await mfa.confirm_totp(frame.context, frame.me, body)
    except REFUSALS as error:
        offered = mfa.NewTotp(uri=form.uri, secret=form.secret, enrolment=form.enrolment)
        return await run_sync(_app, frame, offered, error)
    if not made.recovery_codes:
        return frame.go(PAGE, "The authenticator app is set up; your recovery codes go on.")
    return await run_sync(_codes, frame, made)


@router.post("/me/app/remove")
async def remove(frame: Signed) -> Response:
    """Forget the authenticator app."""
    form = frame.form(Proven)
    try:
        body = mfa.Removal(factor="totp", proof=form.proof)
        await mfa.remove(frame.context, frame.me, body)
    except REFUSALS as error:
        return await run_sync(me.page, frame, error)
    return frame.go(PAGE, "The authenticator app is removed.")


@router.post("/me/recovery-codes")
async def recovery_codes(frame: Signed) -> Response:
    """Make new recovery codes, and show them once."""
    form = frame.form(Proven)
    try:
        made = await mfa.make_codes(frame.context, frame.me, mfa.Change(proof=form.proof))
    except REFUSALS as error:
        return await run_sync(me.page, frame, error)
    return await run_sync(_codes, frame, made)


def _app(frame: Frame, offered: mfa.NewTotp, problem: PgwardError | None = None) -> Response:
    return frame.show(
        "app.html",
        status=200 if problem is None else errors.status(problem),
        offered=offered,
        needed=mfa.listed(frame.context, frame.me).proof,
        problem=problem,
    )


def _codes(frame: Frame, made: mfa.Codes) -> Response:
    return frame.show(
        "shown_once.html",
        title="Recovery codes",
        words="Each stands in once for your second factor. Keep them where your phone is not.",
        values={},
        block=made.recovery_codes,
        until=None,
        seconds=None,
        back=PAGE,
        roots=None,
    )
