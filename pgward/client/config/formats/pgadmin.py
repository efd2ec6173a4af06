"""pgAdmin 4, which is built on psycopg."""

import json

from pgward.client.config.facts import Facts
from pgward.client.config.formats import libpq


def pgadmin(facts: Facts) -> str:
    """Return a file for pgAdmin's Import Servers, or ``pgadmin4 setup.py load-servers``."""
    found = libpq.fields(facts)
    server = {
        "Name": facts.service,
        "Group": "pgward",
        "Host": found.pop("host"),
        "Port": int(found.pop("port")),
        "MaintenanceDB": found.pop("dbname"),
        "Username": found.pop("user"),
        "ConnectionParameters": found,
    }
    return json.dumps({"Servers": {"1": server}}, indent=2, ensure_ascii=False)
