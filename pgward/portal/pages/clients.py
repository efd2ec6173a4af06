"""``/databases/NAME/clients/CLIENT``: how a program or a driver is set up for a database.

What is shown is what `pgward config show` prints. It holds no secret: it names files. Where those
are on their machine only people know; they say so in the form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path as File
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import handles
from pgward.ca.service.routes.me import ServiceInfo
from pgward.client.config.catalogue import FORMATS, warning
from pgward.client.config.facts import Facts
from pgward.client.identity import IdentityPaths
from pgward.core.address import Address
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError
from pgward.portal.pages import database
from pgward.portal.web import forms, headers, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
FILES = IdentityPaths(File("pgward.crt"), File("pgward.key"), File("pgward-ca.crt"))
"""What files are called that this page's neighbours give out."""
_POSTGRESQL = 5432
_TUNNEL = 15432  # the first port that `pgward connect` takes
_IN_HOME = ".config/pgward/identity/current"
_ANY_TOKEN = "tk-NAME-OF-A-TOKEN"  # noqa: S105 - stands where a name is to be put
_Client = Annotated[str, Path(max_length=63)]


@dataclass(frozen=True, slots=True)
class Client:
    """What people call a program or a driver, and what they do with its settings."""

    title: str
    use: str


GROUPS: Mapping[str, Mapping[str, Client]] = {
    "Programs": {
        "psql": Client("psql", "Run this in a shell."),
        "dbeaver": Client("DBeaver", "Put the file into the directory .dbeaver of the project."),
        "datagrip": Client(
            "DataGrip", "Copy it, then choose Import from Clipboard under New in the data sources."
        ),
        "pgadmin": Client("pgAdmin", "Import the file by Tools, Import/Export Servers."),
        "libpq": Client("Connection string", "For psql and all that libpq reads."),
        "uri": Client("URI", "For all that libpq reads as a URI."),
        "env": Client("Environment", "Run this in a shell; programs on libpq connect then."),
    },
    "Python": {
        "psycopg": Client("psycopg", "Python, for psycopg 3 and 2."),
        "asyncpg": Client("asyncpg", "Python; connect suits create_pool(connect=connect), too."),
        "pg8000": Client("pg8000", "Python."),
        "sqlalchemy": Client("SQLAlchemy", "The URL of an engine on psycopg."),
    },
    "Other languages": {
        "jdbc": Client("JDBC", "Java and all else on the JVM: the URL for DriverManager."),
        "pgx": Client("Go: pgx", "Go, for pgx 5."),
        "pgx-v4": Client("Go: pgx 4", "Go, for pgx 4."),
        "lib-pq": Client("Go: lib/pq", "Go, for database/sql."),
        "node-postgres": Client("Node: pg", "The options of Client and Pool."),
        "postgres.js": Client("Node: postgres", "The options of postgres()."),
        "npgsql": Client(".NET: Npgsql", "The connection string."),
        "ruby": Client("Ruby", "Ruby, for the gem pg."),
        "php": Client("PHP", "PHP, for pg_connect."),
        "dbd-pg": Client("Perl", "Perl, for DBD::Pg."),
    },
}
"""Every format there is, as people look for it."""


class Way(StrEnum):
    """How a program gets to the database."""

    TUNNEL = "tunnel"
    LOGIN = "login"
    FILES = "files"
    TOKEN = "token"  # noqa: S105 - a way


_DOWNLOADED = (Way.FILES, Way.TOKEN)
TITLES = {
    Way.TUNNEL: "Through the tunnel",
    Way.LOGIN: "Straight, with pgward's files",
    Way.FILES: "Straight, with downloaded files",
    Way.TOKEN: "With a token",
}


class Wanted(Form):
    """The way, and what only the person knows of the machine: a port, and where files are.

    ``user`` is the name of a token.
    """

    way: Way = Way.TUNNEL
    port: Annotated[int, Field(ge=1, le=65535)] = 0
    directory: Annotated[str | None, Field(max_length=200)] = None
    user: Annotated[str, Field(max_length=200)] = ""


def ways(service: ServiceInfo) -> list[Way]:
    """Return the ways there are for a person."""
    straight = [Way.LOGIN, Way.FILES] if place(service) is not None else []
    token = [Way.TOKEN] if service.edges and service.ways.token else []
    tunnel = [Way.TUNNEL] if service.edges and service.ways.certificate else []
    return [*tunnel, *straight, *token]


def place(service: ServiceInfo) -> Address | None:
    """Return where clients find the service by themselves, with a certificate, as far as is known.

    An edge that speaks PostgreSQL is asked for it by name; else it is PostgreSQL's own.
    """
    if not service.ways.certificate:
        return None
    if service.mode == "tcp":
        return Address(service.server_name, service.server_port or _POSTGRESQL)
    named = [each for each in service.edges if each.direct_names]
    named.sort(key=lambda each: not each.online)
    if not named:
        return None
    return Address(named[0].direct_names[0], Address.parse(named[0].address).port)


def facts(service: ServiceInfo, person: str, wanted: Wanted) -> Facts:
    """Return what a client must know; raise InvalidInputError for a strange path."""
    info = database.as_clients_know_it(service)
    if wanted.way is Way.TOKEN:
        first = min(service.edges, key=lambda each: not each.online)
        edge = next(each for each in info.edges if each.name == first.name)
        roots = str(_paths(person, wanted).ca)
        return Facts.by_password(info, edge, wanted.user or _ANY_TOKEN, None, roots)
    user = info.role_for(person)
    there = place(service)
    if wanted.way is Way.TUNNEL or there is None:
        return Facts.tunnel(info, wanted.port or _TUNNEL, user, _paths(person, wanted))
    host = None if service.mode == "tcp" else there.host
    return Facts.native(info, host, wanted.port or there.port, user, _paths(person, wanted))


@router.get("/databases/{service}/clients/{client}")
def show(frame: Signed, service: database.Name, client: _Client) -> Response:
    """Show the settings of one client."""
    program = _client(client)
    found = database.find(frame, service)
    if found is None:
        return database.closed(frame, service)
    wanted, problem = _wanted(frame, found)
    if wanted.way is Way.TOKEN and not wanted.user:
        wanted.user = _newest_token(frame, service)
    try:
        known = facts(found, frame.me.user.name, wanted)
    except InvalidInputError as error:
        problem, wanted = error, Wanted(way=wanted.way)  # with nothing that was said
        known = facts(found, frame.me.user.name, wanted)
    return frame.show(
        "client.html",
        status=200 if problem is None else errors.status(problem),
        service=found,
        client=client,
        program=program,
        ways={way: TITLES[way] for way in ways(found)},
        wanted=wanted,
        facts=known,
        text=FORMATS[client].render(known),
        warning=warning(client, known),
        directory=_directory(frame.me.user.name, wanted),
        download=_download(frame, service, client, wanted),
        roots=FILES.ca,
        problem=problem,
    )


@router.get("/databases/{service}/clients/{client}/file")
def download(frame: Signed, service: database.Name, client: _Client) -> Response:
    """Give the settings of one client as a file."""
    _client(client)
    found = database.find(frame, service)
    if found is None:
        return database.closed(frame, service)
    wanted, problem = _wanted(frame, found)
    if problem is not None:
        raise problem
    text = FORMATS[client].render(facts(found, frame.me.user.name, wanted))
    name = FORMATS[client].file.format(found.name)
    sent = {
        **headers.COMMON,
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return Response(f"{text}\n", media_type="text/plain; charset=utf-8", headers=sent)


def _client(name: str) -> Client:
    for group in GROUPS.values():
        if name in group:
            return group[name]
    raise NotFoundError(
        f"there are no settings for {name!r}", hint="the page of a database has a list"
    )


def _wanted(frame: Frame, service: ServiceInfo) -> tuple[Wanted, InvalidInputError | None]:
    """Return what is asked for by the address, or the first way and what is wrong there."""
    offered = ways(service)
    if not offered:
        raise UnavailableError(f"no edge serves {service.name} now", hint="ask an administrator")
    given: dict[str, list[str]] = {}
    for name, value in frame.request.query_params.multi_items():
        if value:
            given.setdefault(name, []).append(value)
    try:
        wanted = forms.read(Wanted, {"way": [offered[0]], **given})
    except InvalidInputError as error:
        return Wanted(way=offered[0]), error
    if wanted.way not in offered:
        missing = InvalidInputError(f"there is no such way to {service.name}")
        return Wanted(way=offered[0]), missing
    return wanted, None


def _newest_token(frame: Frame, service: str) -> str:
    found = [
        each for each in handles.mine(frame.context, frame.me).tokens if each.service == service
    ]
    return max(found, key=lambda each: each.created_at).id if found else ""


def _paths(person: str, wanted: Wanted) -> IdentityPaths:
    top = File(_directory(person, wanted))
    if wanted.way in _DOWNLOADED:
        return IdentityPaths(top / FILES.cert, top / FILES.key, top / FILES.ca)
    return IdentityPaths(top / "login.crt", top / "login.key", top / "ca.crt")


def _directory(person: str, wanted: Wanted) -> str:
    """Return where the files are: what was said, or where most people have them."""
    if wanted.directory:
        return wanted.directory
    home = f"/home/{person.partition('@')[0]}"
    return home if wanted.way in _DOWNLOADED else f"{home}/{_IN_HOME}"


def _download(frame: Frame, service: str, client: str, wanted: Wanted) -> str:
    asked = {**frame.request.query_params} | ({"user": wanted.user} if wanted.user else {})
    query = f"?{urlencode(asked)}" if asked else ""
    return f"/databases/{service}/clients/{client}/file{query}"
