import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError
from pgward.core.errors import InvalidInputError

LEAST = {
    "connector": "c1",
    "host": "db1.internal",
    "user": "pgward_connector",
    "auth": {"password": {"fromSecret": "shop-connector"}},
}


def read(**spec):
    spec = {name: value for name, value in (LEAST | spec).items() if value is not None}
    body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": spec}
    return kinds.read("Integration", body).spec


def wrong(**spec):
    with pytest.raises(FieldsError) as caught:
        read(**spec)
    return {field.path: field.message for field in caught.value.fields}


def test_a_full_integration_is_read_and_can_be_written_again():
    spec = read(
        port=5433,
        database="shop",
        sslMode="verify-ca",
        sslRootCert="system",
        serverName="db.example.com",
        roleName="jit_{user}",
        stripDomain="example.com",
        reassignTo="app_owner",
        hosts=["db1"],
        owner={"groups": ["dba"]},
        ownerTag="team",
        tags={"env": "prod"},
        objectTags=[{"database": "shop", "schema": "billing", "tags": {"team": "billing"}}],
        details="{user} is {role} in {database} of {service}",
        discovery={"every": "2h", "exclude": ["test_*"]},
    )
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored["objectTags"][0]["schema"] == "billing"
    assert read(**stored) == spec


def test_what_is_left_out_has_its_default():
    spec = read()
    assert (spec.port, spec.database, spec.ssl_mode) == (5432, "postgres", "verify-full")
    assert (spec.discovery.seconds, spec.discovery.databases) == (3600, ["*"])


@pytest.mark.parametrize("off", ["off", False, {"every": "off"}, {"every": False}])
def test_discovery_can_be_off_however_yaml_reads_that(off):
    assert read(discovery=off).discovery.seconds is None


@pytest.mark.parametrize(
    "mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
)
def test_every_ssl_mode_of_libpq_is_there(mode):
    assert read(sslMode=mode).ssl_mode == mode


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"connector": None}, "spec", "must have connector, or edge"),
        ({"edge": "e1"}, "spec", "must have connector, or edge"),
        ({"host": "a b"}, "spec.host", "is not a DNS name"),
        ({"user": "a\nb"}, "spec.user", "no role's name"),
        ({"auth": {}}, "spec.auth", "one of password, certificate, none"),
        ({"sslMode": "require", "sslRootCert": "system"}, "spec", "has sslRootCert"),
        ({"sslMode": "prefer", "serverName": "x.example"}, "spec", "has serverName"),
        ({"sslMode": "allow", "auth": {"certificate": {}}}, "spec", "auth.certificate needs TLS"),
        ({"user": "a b", "auth": {"certificate": {}}}, "spec", "needs another user: 'a b' cannot"),
        ({"sslRootCert": "x"}, "spec.sslRootCert", "certificates in PEM"),
        ({"roleName": "jit"}, "spec.roleName", "it has no {user}"),
        ({"roleName": "{user}{user}"}, "spec.roleName", "it has no {user}"),
        ({"roleName": "pgward_{user}"}, "spec.roleName", "other roles of pgward's"),
        ({"roleName": "{user}\n"}, "spec.roleName", "no role's name"),
        ({"reassignTo": "postgres"}, "spec", "rights that are more"),
        ({"reassignTo": "pgward_connector"}, "spec", "rights that are more"),
        ({"details": "x" * 401}, "spec.details", "at most 400"),
        ({"details": "{usr}"}, "spec.details", "did you mean {user}?"),
        ({"details": "a\u202eb"}, "spec.details", "reorder text"),
        ({"discovery": {"every": "1m"}}, "spec.discovery.every", "less than 5m"),
        ({"discovery": {"evry": "1h"}}, "spec.discovery.evry", "did you mean every?"),
        ({"objectTags": [{"database": "d", "tags": {}}]}, "spec.objectTags[0].tags", "at least 1"),
        (
            {"objectTags": [{"database": "d", "table": "t", "tags": {"a": "b"}}]},
            "spec.objectTags[0]",
            "has a table and no schema",
        ),
    ],
)
def test_wrong_fields_are_named(spec, path, said):
    assert said in wrong(**spec)[path]


def test_access_roles_are_called_after_people():
    assert read(stripDomain="example.com").role_of("ann@example.com") == "ann"
    assert read(roleName="jit_{user}").role_of("ann") == "jit_ann"


@pytest.mark.parametrize("user", ["postgres", "pg_monitor", "pgward_connector", "pgward_x"])
def test_a_role_that_is_more_than_a_persons_is_nobodys(user):
    with pytest.raises(InvalidInputError, match="not for people"):
        read().role_of(user)
    assert read(roleName="jit_{user}").role_of(user) == f"jit_{user}"


def test_a_role_whose_name_would_be_cut_is_refused():
    with pytest.raises(InvalidInputError, match="no role's name"):
        read(roleName="jit_{user}").role_of("x" * 60)


def test_a_server_may_be_reached_by_its_socket():
    spec = read(host="/var/run/postgresql", auth={"none": True}, sslMode="disable")
    assert spec.host == "/var/run/postgresql"


@pytest.mark.parametrize(
    "host", ["/", "/a//b", "/run/", "/a,/b", "/a b", "/a\n", "/" + "a" * 90, "@abstract"]
)
def test_a_sockets_directory_is_one_path(host):
    assert "is not valid" in wrong(host=host)["spec.host"]


def test_a_socket_has_no_certificate_to_name():
    said = wrong(host="/run", auth={"none": True}, serverName="db.example.com")
    assert "serverName" in said["spec"]
