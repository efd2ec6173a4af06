import base64

import pytest

from pgward.core.errors import DeniedError, InvalidInputError, UnavailableError
from pgward.hba.live.conninfo import Target
from pgward.hba.live.psql import Psql, Refusal
from pgward.hba.live.reading import read_server
from pgward.system.postgres import Cluster

DENIED = Refusal("42501", "permission denied")
HBA = "local all all peer\nhostssl all +dba samenet cert # pgward-ignore HBA029: so\n"


def setting(name: str, value: str, **more):
    row = {"name": name, "setting": value, "context": "sighup", "source": "default"}
    return {**row, "sourcefile": None, "sourceline": None, "pending_restart": False, **more}


def data(path: str, text: str):
    return [{"path": path, "data": base64.b64encode(text.encode()).decode()}]


ITSELF = {"version": 16, "role": "dba", "address": None, "may_read": True, "may_stat": True}
ROW = {
    "rule_number": 1,
    "file_name": "/d/pg_hba.conf",
    "line_number": 1,
    "type": "local",
    "database": ["all"],
    "user_name": ["all"],
    "address": None,
    "netmask": None,
    "auth_method": "peer",
    "options": None,
    "error": None,
}
PATHS = {"hba_file": "/d/pg_hba.conf", "ident_file": "/d/pg_ident.conf"}
SETTINGS = [
    *(setting(name, path) for name, path in PATHS.items()),
    setting("config_file", "/d/postgresql.conf"),
    setting("data_directory", "/d"),
    setting("ssl_cert_file", "server.crt"),
    setting("port", "5433", source="command line"),
]


class Server:
    """Answers by what a query has in it."""

    def __init__(self, **answers) -> None:
        self.asked: list[str] = []
        self.answers = {
            "server_version_num": [ITSELF],
            "from pg_hba_file_rules": [ROW],
            "from pg_ident_file_mappings": [],
            "from pg_file_settings": [],
            "pending_restart from": SETTINGS,
            "rolreplication": [
                {
                    "rolname": n,
                    "rolcanlogin": True,
                    "rolsuper": n == "root",
                    "rolreplication": False,
                }
                for n in ("dba", "root")
            ],
            "as grp": [{"role": "root", "grp": "dba"}],
            "datallowconn": [{"datname": "postgres"}],
            "('hba_file')": data("/d/pg_hba.conf", HBA),
            "('ident_file')": data("/d/pg_ident.conf", ""),
            "('config_file')": data("/d/postgresql.conf", "ssl = on\n"),
            "file( E'/d/postgresql.auto.conf'": data("/d/postgresql.auto.conf", "ssl = off\n"),
            "as seconds": [{"path": "/d/pg_hba.conf", "seconds": 60.0}],
            **answers,
        }

    def __call__(self, queries):
        self.asked += queries
        return [
            next(answer for word, answer in self.answers.items() if word in query)
            for query in reversed(queries)
        ][::-1]


def test_files_as_they_are() -> None:
    server = Server()
    found = read_server(server)
    assert [str(each.place) for each in found.hba] == ["/d/pg_hba.conf:1", "/d/pg_hba.conf:2"]
    assert [each.reason for each in found.ignores] == ["so"]
    values = [(each.setting.key, each.setting.value) for each in found.settings]
    assert values == [("ssl", "on"), ("ssl", "off"), ("port", "5433")]
    assert (found.able.version, found.has_ident, found.live.unseen) == (16, True, [])
    assert found.live.superusers == {"root"}
    assert found.live.world.is_member("root", "dba")
    assert list(found.live.changed) == ["/d/pg_hba.conf"]
    assert "'/d/server.crt'" in server.asked[-1]
    # So that fixes can be shown.
    assert found.texts["/d/pg_hba.conf"] == HBA.encode()
    assert (found.config, found.account) == ("/d/postgresql.conf", None)


LESS = {**ITSELF, "may_read": False, "may_stat": False, "address": "10.0.0.1"}


def test_lines_from_views_where_files_are_not_to_be_read() -> None:
    row = {**ROW, "type": "host", "address": "samenet"}
    found = read_server(Server(server_version_num=[LESS], **{"from pg_hba_file_rules": [row]}))
    assert [each.line.text for each in found.hba] == ["host all all samenet peer"]
    assert found.ignores == []
    assert [str(each) for each in found.live.world.interfaces] == ["10.0.0.1/32"]
    files, networks = found.live.unseen
    assert 'grant pg_read_server_files to "dba"' in files
    assert "samehost and samenet" in networks


def test_what_else_is_hidden_is_said() -> None:
    hidden = {"from pg_ident_file_mappings": DENIED, "from pg_file_settings": DENIED}
    hidden["pending_restart from"] = [setting("ssl", "on", source="configuration file")]
    found = read_server(Server(server_version_num=[LESS], **hidden))
    assert (found.has_ident, found.ident) == (False, [])
    assert [each.place.path for each in found.settings] == ["pg_settings/ssl"]
    assert [each.split(" was")[0] for each in found.live.unseen[:3]] == [
        "pg_file_settings",
        "pg_ident_file_mappings",
        "where the files are",
    ]


def test_a_version_without_a_view_of_maps() -> None:
    old = {"from pg_ident_file_mappings": Refusal("42P01", "no such view")}
    found = read_server(Server(server_version_num=[{**LESS, "version": 14}], **old))
    assert not found.has_ident
    assert "PostgreSQL 14 has no view of pg_ident.conf" in found.live.unseen[-1]


def test_a_role_that_may_see_nothing() -> None:
    server = Server(server_version_num=[LESS], **{"from pg_hba_file_rules": DENIED})
    with pytest.raises(DeniedError, match=r"the role dba may not see pg_hba\.conf") as caught:
        read_server(server)
    assert 'grant execute on function pg_hba_file_rules() to "dba"' in caught.value.hint


def test_a_file_that_the_server_cannot_read() -> None:
    gone = Refusal("58P01", "could not open configuration file")
    server = Server(server_version_num=[LESS], **{"from pg_hba_file_rules": gone})
    with pytest.raises(InvalidInputError, match=r"cannot read pg_hba\.conf: could not open"):
        read_server(server)
    odd = Server(**{"from pg_file_settings": Refusal("XX000", "out of luck")})
    assert read_server(odd).live.unseen == ["pg_file_settings was not seen (out of luck)"]


def test_loopback_may_be_a_tunnel() -> None:
    server = Server(server_version_num=[{**ITSELF, "address": "127.0.0.1"}])
    (note,) = read_server(server).live.unseen
    assert "this machine's networks" in note


def test_what_is_no_postgresql() -> None:
    with pytest.raises(UnavailableError, match="does not answer as PostgreSQL does"):
        read_server(Server(server_version_num=Refusal("42704", "unrecognized")))


@pytest.mark.integration
def test_a_real_server(pg: Cluster) -> None:
    where = Target(f"host={pg.socket_dir} port={pg.port} user=postgres dbname=postgres")
    found = read_server(Psql(where))
    assert {each.path for each in found.hba} == {str(pg.data_dir / "pg_hba.conf")}
    assert found.live.said == []
    assert found.live.superusers == {"postgres"}
    assert "postgres" in found.live.databases
