import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError


def test_a_value_is_in_no_file():
    body = {"kind": "Secret", "metadata": {"name": "db"}, "spec": {"maxAge": "90d"}}
    assert kinds.read("Secret", body).spec.max_age == "90d"
    body["spec"]["value"] = "hunter2"
    with pytest.raises(FieldsError, match="value is not a field") as told:
        kinds.read("Secret", body)
    assert "hunter2" not in str(told.value)
