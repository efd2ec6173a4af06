import pytest
from pydantic import TypeAdapter, ValidationError

from pgward.ca.resources.upstream import LandedDatabase, Role, Upstream


def test_hosts_are_names_or_addresses():
    made = [Upstream(host=host).host for host in ("DB1.internal", "::0001", "10.0.0.1")]
    assert made == ["db1.internal", "::1", "10.0.0.1"]


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Role, "{user}", "fromPerson: true"),
        (Role, "public", "keeps for itself"),
        (LandedDatabase, "ä" * 32, "at most 63 bytes"),
        (LandedDatabase, "a\nb", "printable"),
    ],
)
def test_names_that_no_edge_lands_at(kind, value, said):
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(kind).validate_python(value)
