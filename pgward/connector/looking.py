"""Ask a server what there is: its roles, then from within each database that matters."""

from collections.abc import Mapping
from typing import Any

import psycopg

from pgward.access import looking
from pgward.access.facts import Database, Facts, Server, read_database
from pgward.access.marks import bundle_role
from pgward.access.wanted import Wanted
from pgward.connector.rooms import Rooms, said
from pgward.core.errors import DeniedError, UnavailableError


def look_at_server(rooms: Rooms, wanted: Wanted) -> Server:
    """Return what every database knows; raises UnavailableError when the server is away."""
    try:
        rows = _ask(rooms.enter(), looking.SERVER, looking.server_parameters(_names(wanted)))
    except psycopg.Error as error:
        rooms.check(None, error)
        raise UnavailableError(f"the server cannot be asked: {said(error)}") from error
    return Server.read(rows)


def look_within(rooms: Rooms, server: Server, wanted: Wanted, integration: str) -> Facts:
    """Return the facts that the planner needs, with those of the databases that matter."""
    ours = server.ours(integration)
    rights = looking.rights_of(wanted, server.version)
    inside = {
        name for name, found in rights.items() if any(each.kind != "database" for each in found)
    } | {database for role, database in server.places if role in ours}
    databases: dict[str, Database] = {}
    closed: dict[str, str] = {}
    oids = [each.oid for each in ours.values()]
    for name in sorted(inside & server.doors.keys()):
        door = server.doors[name]
        if not door.allows:
            closed[name] = "it takes no connections"
        elif not door.connects:
            closed[name] = "the connector may not CONNECT to it"
        else:
            asked = looking.database_parameters(oids, rights.get(name, set()))
            found = _from_within(rooms, name, server.version, asked)
            if isinstance(found, Database):
                databases[name] = found
            else:
                closed[name] = found
    return Facts(server, databases, closed)


def _from_within(
    rooms: Rooms, name: str, version: int, parameters: Mapping[str, object]
) -> Database | str:
    """Return a database, or why it could not be entered."""
    try:
        return read_database(
            _ask(rooms.enter(name), looking.database_query(version), parameters), name
        )
    except (UnavailableError, DeniedError) as error:
        return error.message
    except psycopg.Error as error:
        rooms.check(name, error)
        return said(error)


def _names(wanted: Wanted) -> set[str]:
    """Return the roles that what is wanted names."""
    rights = [*(each.rights for each in wanted.grants), *wanted.bundles.values()]
    names = {role for each in rights for role in each.roles}
    names |= {each.role for each in wanted.grants} | {bundle_role(each) for each in wanted.bundles}
    return names | ({wanted.reassign_to} if wanted.reassign_to is not None else set())


def _ask(
    connection: psycopg.Connection[Any], query: str, parameters: Mapping[str, object]
) -> list[bytes]:
    """Return the rows as they came: a database that knows no encoding may send anything."""
    with connection.transaction():
        connection.execute("set transaction read only")
        result = connection.execute(query.encode(), parameters).pgresult
        if result is None:
            return []
        return [result.get_value(row, 0) or b"" for row in range(result.ntuples)]
