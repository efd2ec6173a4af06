import pytest

from pgward.client.secrets import reference
from pgward.client.secrets.reference import SecretRef


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"from_secret": "db"}, SecretRef("secret", "db")),
        ({"from_file": "/etc/db.pw"}, SecretRef("file", "/etc/db.pw")),
        ({"from_env": "PGWARD_UPSTREAM_DB"}, SecretRef("env", "PGWARD_UPSTREAM_DB")),
        (
            {"from_vault": {"path": "apps/db", "field": "password", "mount": "secret"}},
            SecretRef("vault", "apps/db", "password", "secret"),
        ),
    ],
)
def test_each_place_is_known(fields, expected):
    assert reference.read(fields) == expected


@pytest.mark.parametrize(
    "fields", [{}, {"from_air": "x"}, {"from_secret": "a", "from_file": "/b"}, {"from_vault": "x"}]
)
def test_anything_else_is_refused(fields):
    with pytest.raises((ValueError, TypeError, KeyError)):
        reference.read(fields)
