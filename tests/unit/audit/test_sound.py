import pytest

from pgward.audit.sound import sound
from tests.fixtures.chunks import record

STRANGE = (
    *({"duration_us": each} for each in ("x", [1], None, True, -1, 1.5, 10**400)),
    *({"rows": each} for each in ("x", {}, -1, 2**63)),
    *({"commands": each} for each in ("SELECT", [1], None)),
    *({"parameters": each} for each in ("x", 7, {})),
    *({"details": each} for each in ("x", [1], 7)),
    *({"function": "f"}, {"piece": "1"}, {"text_bytes": "x"}),
)


def test_what_an_edge_writes_stays_as_it_is():
    written = record(1, parameters=["x", None, {"bytes": 7}], details={"reason": "why"})
    assert sound(written) == written


@pytest.mark.parametrize("strange", STRANGE, ids=str)
def test_what_is_of_another_type_is_left_out(strange):
    assert sound(record(1) | strange) == {
        name: value for name, value in record(1).items() if name not in strange
    }
