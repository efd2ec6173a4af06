"""``/admin/secrets``: passwords and keys of databases; values go in, and never come out."""

from base64 import b64encode
from typing import Annotated, Any, Final

from fastapi import Path, Response
from pydantic import Field, SecretStr

from pgward.ca.secrets import kept
from pgward.ca.service import errors
from pgward.ca.service.routes import secrets
from pgward.core import names
from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.portal.pages.machines.common import REFUSALS, unknown_act
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_PAGE: Final = "/admin/secrets"
_Name = Annotated[str, Path(max_length=253)]
_Value = Annotated[SecretStr, Field(max_length=kept.MAX_BYTES)]


class Value(Form):
    """A value as somebody pastes it; ``keep_end`` keeps the line break at its end."""

    value: _Value = SecretStr("")
    keep_end: bool = False

    def given(self) -> dict[str, str]:
        """Return it as the API takes it; raise InvalidInputError, which does not show it."""
        text = self.value.get_secret_value()
        text = text if self.keep_end else text.rstrip("\n")
        if not text:
            raise InvalidInputError("there is no value")
        data = text.encode()
        if len(data) > kept.MAX_BYTES:
            raise InvalidInputError(f"the value has more than {kept.MAX_BYTES} bytes")
        return {"value": b64encode(data).decode("ascii")}


class NewSecret(Value):
    """A name, and a value."""

    name: Annotated[str, Field(max_length=253)]


class Act(Value):
    """What is done with a secret; ``version`` is a former one, to be used again."""

    act: Annotated[str, Field(max_length=20)]
    version: int | None = None
    force: bool = False


@router.get(_PAGE)
def every(frame: Administrator) -> Response:
    """Show all secrets without their values."""
    return _every(frame)


@router.post(_PAGE)
def add(frame: Administrator) -> Response:
    """Store a new secret."""
    form = None
    try:
        form = frame.form(NewSecret)
        body = forms.checked(secrets.NewSecret, {"name": form.name.strip(), **form.given()})
        secrets.create(frame.context, frame.me, body)
    except REFUSALS as error:
        return _every(frame, error, form.name if form else "")
    return frame.go(f"{_PAGE}/{body.name}", "Stored. Nobody gets to see it but edges that need it.")


@router.get(f"{_PAGE}/{{name}}")
def show(frame: Administrator, name: _Name) -> Response:
    """Show a secret's versions, and what refers to it."""
    return _show(frame, name)


@router.post(f"{_PAGE}/{{name}}")
def act(frame: Administrator, name: _Name) -> Response:
    """Give a secret a new value or a former one, or delete it."""
    try:
        form = frame.form(Act)
        if form.act == "delete":
            secrets.delete(frame.context, frame.me, name, form.force)
            return frame.go(_PAGE, f"{name} is deleted.")
        told = _act(frame, name, form)
    except REFUSALS as error:
        return _show(frame, name, error)
    return frame.go(f"{_PAGE}/{name}", told)


def _act(frame: Frame, name: str, form: Act) -> str:
    if form.act == "rotate":
        body = forms.checked(secrets.NewValue, form.given())
        made = secrets.rotate(frame.context, frame.me, name, body)
        return f"Version {made.version} counts now; edges fetch it at once."
    if form.act == "recover":
        wanted: dict[str, Any] = {"version": form.version}
        again = forms.checked(secrets.Recover, wanted)
        made = secrets.recover(frame.context, frame.me, name, again)
        return f"The value of version {form.version} counts again, as version {made.version}."
    raise unknown_act()


def _may_be(name: str) -> bool:
    """Tell that a secret may be called so; raise NotFoundError."""
    try:
        names.resource_name(name)
    except InvalidInputError:
        raise NotFoundError(
            f"there can be no secret {name!r}", hint="look at the list of them"
        ) from None
    return True


def _every(
    frame: Frame, problem: PgwardError | None = None, name: str = "", *, is_missing: bool = False
) -> Response:
    """Show all; one that is not there yet, but that something refers to, may be stored."""
    found = secrets.every(frame.context, frame.me)
    return frame.show(
        "people/secrets.html",
        status=200 if problem is None else errors.status(problem),
        secrets=found.secrets,
        key_made_at=found.key_made_at,
        typed=name,
        is_missing=is_missing,
        problem=problem,
        now=frame.context.now(),
    )


def _show(frame: Frame, name: str, problem: PgwardError | None = None) -> Response:
    context, me = frame.context, frame.me
    found = next((each for each in secrets.every(context, me).secrets if each.name == name), None)
    if found is None:
        return _every(frame, problem, name, is_missing=_may_be(name))
    return frame.show(
        "people/secret.html",
        status=200 if problem is None else errors.status(problem),
        secret=found,
        versions=secrets.versions(context, me, name).versions,
        problem=problem,
        now=context.now(),
    )
