"""pgjdbc, and the GUI clients on it: DBeaver and DataGrip.

pgjdbc verifies the name that it connects to, and has no parameter for another one. Through the
tunnel it therefore verifies the server's chain and not its name (``verify-ca``); natively all.
It reads keys in PKCS#8 DER, and the files anew for each connection.
"""

import json
import uuid

from pgward.client.config.facts import Facts
from pgward.client.config.quoting import url, xml

_SPACE = uuid.UUID("b6f0f1f0-6f0e-5a49-9c53-0d8c5d0f6c0b")  # for one data source a service


def sslmode(facts: Facts) -> str:
    """Return the strictest mode that works for a client that verifies where it connects."""
    if facts.verifies_name and facts.by_another_name:
        return "verify-ca"
    return facts.sslmode


def properties(facts: Facts) -> dict[str, str]:
    """Return pgjdbc's connection properties besides place and database."""
    found = {"user": facts.user, "sslmode": sslmode(facts)}
    if facts.shows_certificate:
        found |= {"sslcert": facts.cert, "sslkey": facts.key_der}
    if facts.verifies:
        found["sslrootcert"] = facts.ca
    return found


def jdbc(facts: Facts) -> str:
    """Return a JDBC URL."""
    query = "&".join(f"{key}={url(value, safe='/')}" for key, value in properties(facts).items())
    return f"{_bare(facts)}?{query}"


def _bare(facts: Facts) -> str:
    host = f"[{facts.target}]" if ":" in facts.target else facts.target
    return f"jdbc:postgresql://{host}:{facts.port}/{url(facts.database)}"


def dbeaver(facts: Facts) -> str:
    """Return a file ``data-sources-….json`` for a project's directory ``.dbeaver``."""
    source = {
        "provider": "postgresql",
        "driver": "postgres-jdbc",
        "name": facts.service,
        # An empty one: without it DBeaver asks, as it shall where there is a password.
        "save-password": not facts.has_password,
        "configuration": {
            "host": facts.target,
            "port": str(facts.port),
            "database": facts.database,
            "url": _bare(facts),
            "configurationType": "MANUAL",
            "type": "dev",
            "auth-model": "native",
            "user": facts.user,
            "properties": {key: value for key, value in properties(facts).items() if key != "user"},
        },
    }
    connections = {f"pgward-{facts.service}": source}
    return json.dumps({"folders": {}, "connections": connections}, indent=2, ensure_ascii=False)


def datagrip(facts: Facts) -> str:
    """Return a data source as DataGrip and IntelliJ IDEA paste it from the clipboard."""
    lines = [
        f"    <property name={xml(key)} value={xml(value)} />"
        for key, value in properties(facts).items()
        if key != "user"
    ]
    identifier = uuid.uuid5(_SPACE, facts.service)
    return "\n".join(
        [
            "#DataSourceSettings#",
            f"#LocalDataSource: {facts.service}",
            "#BEGIN#",
            f'<data-source source="LOCAL" name={xml(facts.service)} uuid="{identifier}">',
            "  <driver-ref>postgresql</driver-ref>",
            "  <synchronize>true</synchronize>",
            *_no_password(facts),
            "  <jdbc-driver>org.postgresql.Driver</jdbc-driver>",
            f"  <jdbc-url>{_text(_bare(facts))}?user={_text(url(facts.user))}</jdbc-url>",
            "  <driver-properties>",
            *lines,
            "  </driver-properties>",
            "</data-source>",
            "#END#",
        ]
    )


def _no_password(facts: Facts) -> list[str]:
    return [] if facts.has_password else ["  <auth-provider>no-auth</auth-provider>"]


def _text(value: str) -> str:
    return xml(value)[1:-1]
