"""Node's drivers: node-postgres (the package pg) and Postgres.js (the package postgres).

Both keep their options for all connections of a pool. The files are read by getters, so that
each new connection brings the certificate that is there then.
"""

from pgward.client.config.facts import Facts
from pgward.client.config.quoting import double


def node_postgres(facts: Facts) -> str:
    """Return a CommonJS module with the options of ``Client`` and ``Pool``."""
    return f"""\
{_head(facts)}module.exports = {{
  host: {double(facts.target)},
  port: {facts.port},
  user: {double(facts.user)},
  database: {double(facts.database)},
  ssl: {_ssl(facts)},
}};"""


def postgres_js(facts: Facts) -> str:
    """Return a CommonJS module with the options of ``postgres()``."""
    return f"""\
{_head(facts)}module.exports = {{
  host: {double(facts.target)},
  port: {facts.port},
  username: {double(facts.user)},
  database: {double(facts.database)},
  ssl: {_ssl(facts)},
}};"""


def _head(facts: Facts) -> str:
    return 'const fs = require("node:fs");\n\n' if facts.tls else ""


def _ssl(facts: Facts) -> str:
    if not facts.tls:
        return "false"
    lines = []
    if facts.by_another_name:
        lines.append(f"servername: {double(facts.host)},")
    if facts.verifies:
        lines.append(f"get ca() {{ return fs.readFileSync({double(facts.ca)}); }},")
    else:
        lines.append("rejectUnauthorized: false,")
    if facts.verifies and not facts.verifies_name:
        lines.append("checkServerIdentity: () => undefined,")
    if facts.shows_certificate:
        lines.append(f"get cert() {{ return fs.readFileSync({double(facts.cert)}); }},")
        lines.append(f"get key() {{ return fs.readFileSync({double(facts.key)}); }},")
    return "{\n" + "\n".join(f"    {line}" for line in lines) + "\n  }"
