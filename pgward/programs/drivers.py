"""Opening connections with Python's drivers, which are imported when they are wanted."""

import importlib
import ssl
from typing import Any

from pgward.client.config.facts import Facts
from pgward.client.config.formats import libpq
from pgward.core.errors import InvalidInputError, NotFoundError

ASYNC = ("psycopg", "asyncpg")


def connect(facts: Facts, options: dict[str, Any]) -> Any:
    """Return a ``psycopg.Connection``; the options are psycopg's own and win."""
    return driver("psycopg").connect(**{**libpq.fields(facts), **options})


async def connect_async(name: str, facts: Facts, options: dict[str, Any]) -> Any:
    """Return a ``psycopg.AsyncConnection`` or an ``asyncpg.Connection``."""
    if name not in ASYNC:
        raise InvalidInputError(f"there is no driver {name!r}", hint=f"one of {', '.join(ASYNC)}")
    module = driver(name)
    if name == "psycopg":
        fields = {**libpq.fields(facts), **options}
        return await module.AsyncConnection.connect(**fields)
    return await module.connect(**{**asyncpg_fields(facts), **options})


def driver(name: str) -> Any:
    """Import a driver; raise NotFoundError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        package = "psycopg[binary]" if name == "psycopg" else name
        raise NotFoundError(
            f"the Python package {name} is not installed", hint=f"pip install '{package}'"
        ) from error


def asyncpg_fields(facts: Facts) -> dict[str, Any]:
    """Return asyncpg's arguments."""
    return {
        "host": facts.target,
        "port": facts.port,
        "user": facts.user,
        "database": facts.database,
        "ssl": tls_context(facts) if facts.tls else False,
    }


class ServerName(ssl.SSLContext):
    """Verifies PostgreSQL's own name wherever one connects: asyncpg has no parameter for it."""

    server_name: str

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin TLS over buffers, as event loops do it."""
        options["server_hostname"] = self.server_name
        return super().wrap_bio(*arguments, **options)


def tls_context(facts: Facts) -> ssl.SSLContext:
    """Return a context with the certificate that is there now, as strict as the facts' mode."""
    context = ServerName(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = facts.host
    context.check_hostname = facts.verifies_name
    if facts.verifies:
        context.load_verify_locations(facts.ca)
    else:
        context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(facts.cert, facts.key)
    return context
