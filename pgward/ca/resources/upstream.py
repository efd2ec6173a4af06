"""Where PostgreSQL is: hosts, databases, and the roles that somebody may be there."""

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field

from pgward.ca.resources import role_names
from pgward.ca.resources.model import Model, checked
from pgward.core import names
from pgward.core.errors import InvalidInputError

_MAX_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts what is longer


def check_host(value: str) -> str:
    """Refuse what is neither a DNS name nor an IP address."""
    try:
        return str(ip_address(value))
    except ValueError:
        return names.dns_name(value)


def _database(value: str) -> str:
    if not re.fullmatch(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,63}", value):
        raise InvalidInputError("a database name has 1 to 63 printable letters")
    return value


def _landed(value: str) -> str:
    if len(_database(value).encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        raise InvalidInputError(f"a database name has at most {_MAX_BYTES} bytes")
    return value


def _role(value: str) -> str:
    if value == role_names.OWN:
        raise InvalidInputError(
            f"{value} stands for nobody here", hint="fromPerson: true is the role of each person"
        )
    return role_names.role_name(value)


Host = Annotated[str, checked(check_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Database = Annotated[str, checked(_database)]
# What the edge itself puts into a startup message, where nothing may be cut.
LandedDatabase = Annotated[str, checked(_landed)]
Role = Annotated[str, checked(_role)]


class Upstream(Model):
    """Where PostgreSQL listens, as the edges reach it."""

    host: Host
    port: Port = 5432
