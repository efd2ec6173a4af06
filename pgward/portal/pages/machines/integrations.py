"""``/admin/integrations``: PostgreSQL servers, whether they can be worked, and their accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Response
from pydantic import Field

from pgward.access import set_up
from pgward.ca.catalog.standing import KIND
from pgward.ca.service import errors
from pgward.ca.service.routes import (
    catalog,
    connector_accounts,
    integration_checks,
    resource_descriptions,
    resources,
)
from pgward.ca.service.routes.catalog import Known
from pgward.ca.service.routes.integration_checks import CheckInfo
from pgward.core.errors import PgwardError
from pgward.portal.pages.machines.common import REFUSALS, Name, Word, few, unknown_act
from pgward.portal.pages.resources import kind_words
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
PAGE = "/admin/integrations"
_SECONDS = 8.0
"""So long a page waits for the connector; after that it looks again by itself."""
_ENOUGH = 17


class Act(Form):
    """What is done with an integration; ``secret`` is that of an account."""

    act: Annotated[str, Field(max_length=20)]
    secret: Word = ""


@dataclass(frozen=True, slots=True)
class Row:
    """An integration as it is declared, and what is known of its server."""

    name: str
    description: str
    spec: Mapping[str, Any]
    known: Known

    @property
    def address(self) -> str:
        """Where the server is."""
        return f"{self.spec['host']}:{self.spec.get('port', 5432)}"

    @property
    def worker(self) -> tuple[str, str]:
        """Who works it, and the page of that machine."""
        kind = "connector" if self.spec.get("connector") else "edge"
        name = str(self.spec.get(kind))
        return name, f"/admin/{kind}s/{name}"

    @property
    def owners(self) -> list[str]:
        """Who looks after it."""
        owner = self.spec.get("owner") or {}
        return [*owner.get("users", ()), *(f"the group {each}" for each in owner.get("groups", ()))]

    @property
    def state(self) -> tuple[str, str]:
        """A word, and the kind of its badge."""
        if self.known.problem:
            return "problem", "bad"
        if self.known.failure:
            return "not read", "warn"
        return ("known", "good") if self.known.taken_at else ("new", "")


@router.get(PAGE)
def every(frame: Administrator) -> Response:
    """Show all servers that connectors work."""
    known = {each.integration: each for each in catalog.every(frame.context, frame.me).integrations}
    declared = resources.every(frame.context, frame.me, KIND).resources
    named = [(each["metadata"]["name"], each) for each in declared]
    chosen = few(frame, [(name, each) for name, each in named if name in known])
    rows = [_row(each, known[each["metadata"]["name"]]) for each in chosen.rows]
    return frame.show("machines/integrations.html", rows=rows, few=chosen, now=frame.context.now())


@router.get(f"{PAGE}/{{name}}")
async def one(frame: Administrator, name: Name) -> Response:
    """Show a server: where it is, whether it can be worked, and what depends on it."""
    return await _one(frame, name)


@router.post(f"{PAGE}/{{name}}")
async def act(frame: Administrator, name: Name) -> Response:
    """Try the server, have it looked at, change a password, or forget the integration."""
    try:
        form = frame.form(Act)
        told = await _act(frame, name, form)
    except REFUSALS as error:
        return await _one(frame, name, error)
    return frame.go(PAGE if form.act == "delete" else f"{PAGE}/{name}", told)


async def _act(frame: Frame, name: str, form: Act) -> str | None:
    context, me = frame.context, frame.me
    if form.act == "test":
        await run_sync(integration_checks.ask, context, me, name)
        found = await integration_checks.show(context, me, name, _SECONDS)
        return None if found.state == "there" else "Asked; the connector has not answered yet."
    if form.act == "look":
        await run_sync(catalog.refresh, context, me, name)
        return "The connector looks at the server now; that may take a minute."
    if form.act == "change":
        asked = await run_sync(connector_accounts.change, context, me, form.secret)
        return f"The password of {asked.user} is changed now."
    if form.act == "delete":
        await resources.delete(context, me, KIND, name)
        return f"{name} is forgotten; what was made on the server stays."
    raise unknown_act()


async def _one(frame: Frame, name: str, problem: PgwardError | None = None) -> Response:
    check = await integration_checks.show(frame.context, frame.me, name, 0)
    return await run_sync(_show, frame, name, check, problem)


def _show(frame: Frame, name: str, check: CheckInfo, problem: PgwardError | None) -> Response:
    context, me = frame.context, frame.me
    found = resource_descriptions.describe(context, me, KIND, name)
    row = _row(found.resource, catalog.one(context, me, name))
    # Each account of every integration is looked at, so only where this one has some.
    accounts = connector_accounts.every(context, me).accounts if row.spec.get("accounts") else []
    return frame.show(
        "machines/integration.html",
        status=200 if problem is None else errors.status(problem),
        row=row,
        check=check,
        accounts=[each for each in accounts if each.integration == name],
        users=[each for each in found.referred_to_by if each.name != name],
        trouble=None if found.connector is None else found.connector.trouble,
        auth=_auth(row.spec),
        sql=_sql(row),
        declared=kind_words.path,
        now=context.now(),
        problem=problem,
    )


def _row(declared: Mapping[str, Any], known: Known) -> Row:
    metadata = declared["metadata"]
    return Row(metadata["name"], metadata.get("description") or "", declared["spec"], known)


def _auth(spec: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return how the connector logs in, in words, and the secret of it, if there is one."""
    auth = spec["auth"]
    if "certificate" in auth:
        return "a certificate in the account's name", None
    if auth.get("none"):
        return "nothing: the server asks for none", None
    password = auth.get("password") or {}
    secret = password.get("fromSecret")
    if secret is not None:
        return "a password, in the secret", str(secret)
    (place, value), *_ = password.items()
    where = value["path"] if isinstance(value, dict) else value
    return f"a password, {place.removeprefix('from').lower()} {where}", None


def _sql(row: Row) -> str:
    """Return the script that makes the account again, as far as the integration tells."""
    version = row.known.server_version or _ENOUGH
    heir = row.spec.get("reassignTo")
    return set_up.sql(max(version, set_up.OLDEST), user=row.spec["user"], reassign_to=heir)
