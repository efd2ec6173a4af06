import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError
from pgward.ca.resources.role_bundle import role_of

READING = {"database": "shop", "schema": "public", "tables": ["*"], "grant": ["SELECT"]}


def read(name="shop-reading", **spec):
    spec = {"integrations": ["shop-db"], "privileges": [READING]} | spec
    return kinds.read(
        "RoleBundle", {"kind": "RoleBundle", "metadata": {"name": name}, "spec": spec}
    )


def wrong(name="b", **spec):
    with pytest.raises(FieldsError) as caught:
        read(name, **spec)
    return {field.path: field.message for field in caught.value.fields}


def test_a_bundle_is_read():
    spec = read(roles=["pg_read_all_data"]).spec
    assert (spec.integrations, spec.rights().roles) == (["shop-db"], {"pg_read_all_data"})


def test_its_role_is_called_after_it():
    assert role_of("shop-reading") == "pgward_shop-reading"
    assert len(role_of(read("x" * 56).metadata.name)) == 63


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"privileges": []}, "spec", "gives nothing"),
        ({"integrations": []}, "spec.integrations", "at least 1"),
        ({"privileges": [READING | {"database": "shop*"}]}, "spec", "not a pattern"),
        ({"roles": ["cloudsqlsuperuser"]}, "spec", "as good as a superuser"),
        ({"priviliges": []}, "spec.priviliges", "did you mean privileges?"),
    ],
)
def test_wrong_bundles_are_refused(spec, path, said):
    assert said in wrong(**spec)[path]


def test_a_name_that_no_role_can_have_is_refused():
    assert "more than 56 letters" in wrong("x" * 57)[""]
