import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError


def user(metadata=None, **spec):
    return {"kind": "User", "metadata": {"name": "Ann.B@x", **(metadata or {})}, "spec": spec}


def wrong(kind, body):
    with pytest.raises(FieldsError) as told:
        kinds.read(kind, body)
    return {each.path: each.message for each in told.value.fields}


def test_what_is_not_said_is_not_said():
    said = kinds.read("User", user(email="a@x", groups=None, validUntil=None)).spec.said()
    assert said == {"email": "a@x", "validUntil": None}
    assert kinds.read("User", {"kind": "User", "metadata": {"name": "a"}}).spec.said() == {}


def test_dates_are_times_with_a_zone():
    spec = kinds.read("User", user(validFrom="2026-01-01T01:00:00+01:00")).spec
    assert (spec.valid_from, spec.begins.hour, spec.ends) == ("2026-01-01T00:00:00Z", 0, None)
    assert "is not a time in RFC 3339" in wrong("User", user(validUntil="soon"))["spec.validUntil"]


@pytest.mark.parametrize("field", ["blocked", "password", "mfa"])
def test_what_is_an_act_is_no_field(field):
    assert f"spec.{field}" in wrong("User", user(**{field: True}))


def test_people_and_groups_have_no_description():
    assert wrong("User", user({"description": "x"})) == {
        "metadata.description": "is not kept of people and groups"
    }


def test_a_group_has_members():
    body = {"kind": "Group", "metadata": {"name": "dba"}, "spec": {"members": []}}
    assert wrong("Group", body) == {"spec.members": "must have at least 1 item"}
