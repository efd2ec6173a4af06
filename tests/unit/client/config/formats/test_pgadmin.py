import json

from pgward.client.config.formats import libpq, pgadmin
from tests.fixtures.golden_configs import TUNNEL


def test_a_server_verifies_all_that_libpq_does():
    server = json.loads(pgadmin.pgadmin(TUNNEL))["Servers"]["1"]
    given = server.pop("ConnectionParameters")
    assert server == {
        "Name": "prod-db",
        "Group": "pgward",
        "Host": "db1.example.internal",
        "Port": 15432,
        "MaintenanceDB": "shop",
        "Username": "alice",
    }
    named = {"host", "port", "dbname", "user"}
    assert given == {key: v for key, v in libpq.fields(TUNNEL).items() if key not in named}
