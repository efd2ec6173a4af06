import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fuzz import fuzz
from tests.fuzz.targets import SEEDS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_each_has_something_to_begin_from(name) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@fuzz
@given(st.data())
def test_bytes_that_are_nearly_right(name, data) -> None:
    made = bytearray(data.draw(st.sampled_from(SEEDS[name])))
    at = data.draw(st.integers(0, len(made)))
    made[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    TARGETS[name](bytes(made))
