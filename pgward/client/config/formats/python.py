"""Python's drivers: psycopg, asyncpg, pg8000, and SQLAlchemy on psycopg.

asyncpg and pg8000 verify the name of the address that they connect to, and have no parameter
for another one; a context that puts the server's own name in its place is all they need.
"""

from pgward.client.config.facts import Facts
from pgward.client.config.formats import libpq
from pgward.client.config.quoting import double, url


def psycopg(facts: Facts) -> str:
    """Return Python for psycopg 3 (and 2, under its own name)."""
    return f"""\
import psycopg

connection = psycopg.connect(
{_arguments(libpq.fields(facts))}
)"""


def sqlalchemy(facts: Facts) -> str:
    """Return the URL of an engine, synchronous or not, on psycopg 3."""
    found = libpq.fields(facts)
    host = found.pop("host")
    place = f"[{host}]" if ":" in host else host
    user, port, name = url(found.pop("user")), found.pop("port"), url(found.pop("dbname"))
    query = "&".join(f"{key}={url(value, safe='/')}" for key, value in found.items())
    return f"postgresql+psycopg://{user}@{place}:{port}/{name}?{query}"


def asyncpg(facts: Facts) -> str:
    """Return Python for asyncpg; ``connect`` also suits ``create_pool(connect=connect)``."""
    call = {**_place(facts), "database": facts.database}
    given = f"{_arguments(call, '        ')}\n        ssl={'tls()' if facts.tls else 'False'},"
    return f"""\
{_imports(facts, "asyncpg")}


{_tls(facts, "wrap_bio")}async def connect(*arguments, **options):
    return await asyncpg.connect(
        *arguments,
{given}
        **options,
    )"""


def pg8000(facts: Facts) -> str:
    """Return Python for pg8000's DB-API module."""
    call = {**_place(facts), "database": facts.database}
    password = '        password=os.environ["PGPASSWORD"],\n' if facts.has_password else ""
    given = (
        f"{_arguments(call, '        ')}\n"
        f"{password}        ssl_context={'tls()' if facts.tls else 'False'},"
    )
    return f"""\
{_imports(facts, "pg8000.dbapi")}


{_tls(facts, "wrap_socket")}def connect():
    return pg8000.dbapi.connect(
{given}
    )"""


def _imports(facts: Facts, module: str) -> str:
    if not facts.tls:
        return f"import {module}"
    own = "import os\nimport ssl" if _reads_password(facts, module) else "import ssl"
    return f"{own}\n\nimport {module}"


def _reads_password(facts: Facts, module: str) -> bool:
    """Tell whether the program must fetch the password, as the driver does not by itself."""
    return facts.has_password and module.startswith("pg8000")


def _place(facts: Facts) -> dict[str, str]:
    return {"host": facts.target, "port": str(facts.port), "user": facts.user}


def _tls(facts: Facts, wrap: str) -> str:
    """Return the function ``tls``, which reads the certificate that is there when it is called."""
    if not facts.tls:
        return ""
    renamed = facts.by_another_name and facts.verifies_name
    lines = [
        f"    context = {'ServerName' if renamed else 'ssl.SSLContext'}(ssl.PROTOCOL_TLS_CLIENT)"
    ]
    if not facts.verifies_name:
        lines.append("    context.check_hostname = False")
    if facts.verifies:
        lines.append(f"    context.load_verify_locations({double(facts.ca)})")
    else:
        lines.append("    context.verify_mode = ssl.CERT_NONE")
    if facts.shows_certificate:
        lines.append(f"    context.load_cert_chain({double(facts.cert)}, {double(facts.key)})")
    body = "\n".join(["def tls():", *lines, "    return context"])
    return (f"{_server_name(facts, wrap)}\n\n\n" if renamed else "") + f"{body}\n\n\n"


def _server_name(facts: Facts, wrap: str) -> str:
    return f"""\
class ServerName(ssl.SSLContext):
    \"\"\"Verifies PostgreSQL's own name, which is not that of the tunnel's address.\"\"\"

    def {wrap}(self, *arguments, **options):
        options["server_hostname"] = {double(facts.host)}
        return super().{wrap}(*arguments, **options)"""


def _arguments(fields: dict[str, str], indent: str = "    ") -> str:
    return "\n".join(
        f"{indent}{key}={value if key == 'port' else double(value)},"
        for key, value in fields.items()
    )
