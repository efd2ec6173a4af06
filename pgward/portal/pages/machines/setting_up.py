"""``/admin/integrations/+new``: a PostgreSQL server connected step by step.

What was said so far travels in the address from step to step; the password, which is asked for
last, does not.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import Response
from pydantic import Field, SecretStr

from pgward.access import set_up
from pgward.ca.service import errors
from pgward.ca.service.routes import (
    connectors,
    edges,
    hosts,
    integration_checks,
    resources,
    secrets,
)
from pgward.core import names
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.portal.pages.machines.common import REFUSALS, Lines, Word
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
PAGE = "/admin/integrations/+new"
STEPS = ("server", "account", "login")
FLAVOURS: Final = (
    ("self", "a server of your own"),
    ("rds", "Amazon RDS or Aurora"),
    ("cloudsql", "Google Cloud SQL"),
    ("azure", "Azure Database"),
)
VERSIONS: Final = tuple(range(18, set_up.OLDEST - 1, -1))
_KIND = "Integration"
_MOST_QUERY = 12_000


class Server(Form):
    """Where the server is, who works it, and what people may get there."""

    name: Word = ""
    host: Word = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    database: Word = "postgres"
    flavour: Annotated[str, Field(max_length=20)] = "self"
    version: Annotated[int, Field(ge=set_up.OLDEST, le=30)] = 17
    worker: Word = ""
    user: Word = "pgward_connector"
    databases: Lines = ""
    owners: Lines = ""
    roles: Lines = ""
    heir: Word = ""

    def sql(self) -> str:
        """Return the script that makes the account; raise InvalidInputError."""
        return set_up.sql(
            self.version,
            self.flavour,
            user=self.user.strip(),
            databases=_lines(self.databases),
            owners=_lines(self.owners),
            roles=_lines(self.roles),
            reassign_to=self.heir.strip() or None,
        )

    def check(self) -> None:
        """Raise InvalidInputError for what the first step must have, and has not."""
        names.resource_name(self.name.strip(), what="name of the integration")
        if not self.host.strip():
            raise InvalidInputError("the server's host is missing")
        if not self.worker:
            raise InvalidInputError(
                "nobody works the server", hint="choose a connector, or enroll one first"
            )


class Connect(Server):
    """The same, with how the connector logs in; a password is kept as a secret."""

    auth: Annotated[str, Field(max_length=20)] = "password"
    password: Annotated[SecretStr, Field(max_length=4096)] = SecretStr("")
    file: Annotated[str, Field(max_length=1000)] = ""
    ssl_mode: Annotated[str, Field(max_length=20)] = "verify-full"
    roots: Annotated[str, Field(max_length=20)] = "system"
    ssl_root_cert: Lines = ""

    def spec(self) -> dict[str, Any]:
        """Return the integration's spec; raise InvalidInputError."""
        kind, _, machine = self.worker.partition(":")
        found: dict[str, Any] = {
            kind: machine,
            "host": self.host.strip(),
            "port": self.port,
            "database": self.database.strip() or "postgres",
            "user": self.user.strip(),
            "auth": self._auth(),
            "sslMode": self.ssl_mode,
        }
        if self.heir.strip():
            found["reassignTo"] = self.heir.strip()
        if self.ssl_mode.startswith("verify-"):
            root = {"system": "system", "pem": self.ssl_root_cert}.get(self.roots)
            found |= {} if root is None else {"sslRootCert": root}
        return found

    @property
    def secret(self) -> str:
        """What the secret with the password is called."""
        return f"{self.name.strip()}-connector"

    def _auth(self) -> dict[str, Any]:
        ways: Mapping[str, dict[str, Any]] = {
            "password": {"password": {"fromSecret": self.secret}},
            "file": {"password": {"fromFile": self.file.strip()}},
            "certificate": {"certificate": {"minutes": 5}},
            "none": {"none": True},
        }
        if self.auth not in ways:
            raise InvalidInputError("that is no way to log in")
        return ways[self.auth]


@router.get(PAGE)
def step(frame: Administrator) -> Response:
    """Show a step; what is missing for it leads back to the one before."""
    query = frame.request.query_params
    asked = query.get("step", STEPS[0])
    form, problem = Server(), None
    try:
        if len(frame.request.url.query) > _MOST_QUERY:
            raise InvalidInputError("that is too much for one integration")
        given = {name: [value] for name, value in query.items() if name != "step"}
        form = forms.read(Server, given)
        if asked != STEPS[0]:
            form.check()
            form.sql()
    except REFUSALS as error:
        problem = error
    shown = asked if asked in STEPS and problem is None else STEPS[0]
    return _show(frame, shown, form, problem)


@router.post(PAGE)
async def connect(frame: Administrator) -> Response:
    """Store the password and the integration, and have the connector try it."""
    form = None
    try:
        form = frame.form(Connect)
        form.check()
        await _store(frame, form)
        name = form.name.strip()
        await run_sync(integration_checks.ask, frame.context, frame.me, name)
    except REFUSALS as error:
        return await run_sync(_show, frame, STEPS[-1], form or Server(), error)
    told = f"{name} is connected; its connector tries the server now."
    return frame.go(f"/admin/integrations/{name}", told)


async def _store(frame: Frame, form: Connect) -> None:
    """Store it if all of it is right; a password is not left behind where it is not."""
    context, me, name = frame.context, frame.me, form.name.strip()
    body = {"kind": _KIND, "metadata": {"name": name}, "spec": form.spec()}

    async def put(*, dry_run: bool) -> None:
        await resources.put(
            context, me, _KIND, name, body, Response(), dry_run=dry_run, if_none_match="*"
        )

    await put(dry_run=True)
    if form.auth != "password":
        return await put(dry_run=False)
    password = form.password.get_secret_value()
    if not password:
        raise InvalidInputError(
            "the password is missing", hint="it is the account's, on the server"
        )
    given = {"name": form.secret, "value": b64encode(password.encode()).decode()}
    new = forms.checked(secrets.NewSecret, given)
    await run_sync(secrets.create, context, me, new)
    try:
        await put(dry_run=False)
    except PgwardError:
        await run_sync(lambda: secrets.delete(context, me, form.secret))
        raise
    return None


def _show(frame: Frame, asked: str, form: Server, problem: PgwardError | None) -> Response:
    sql = ""
    if asked != STEPS[0]:
        try:
            sql = form.sql()
        except InvalidInputError as error:
            asked, problem = STEPS[0], problem or error
    return frame.show(
        "machines/setting_up.html",
        status=200 if problem is None else errors.status(problem),
        steps=STEPS,
        step=asked,
        form=form,
        kept=_kept(form),
        sql=sql,
        workers=_workers(frame),
        roots="pgward" if _is_ours(frame, form.host.strip()) else "system",
        flavours=FLAVOURS,
        versions=VERSIONS,
        problem=problem,
    )


def _kept(form: Server) -> dict[str, str]:
    """Return what the first step said, for the next ones to send again."""
    return {name: str(getattr(form, name)) for name in Server.model_fields if name != "csrf"}


def _workers(frame: Frame) -> list[tuple[str, str]]:
    """Return who may work a server: connectors, and edges, which may have one inside."""
    context, me = frame.context, frame.me
    found = [(f"connector:{each.name}", f"the connector {each.name}")
             for each in connectors.every(context, me).connectors]  # fmt: skip
    return found + [
        (f"edge:{each.name}", f"the edge {each.name}, if it runs with --connector")
        for each in edges.every(context, me).edges
    ]


def _is_ours(frame: Frame, host: str) -> bool:
    """Tell whether a server of that name or address has its certificate from this authority."""
    known = hosts.every(frame.context, frame.me).hosts
    return any(host in (*each.dns, *each.ips) for each in known)


def _lines(text: str) -> list[str]:
    return [each.strip() for each in text.splitlines() if each.strip()]
