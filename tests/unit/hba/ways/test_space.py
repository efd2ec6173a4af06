import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.addresses import Network
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.ways.space import LOOPBACK, Space, count_runs

V4, V6 = (1 << 32) - 1, (1 << 128) - 1
PREFIXES = st.builds(
    lambda number, length: Network(number, V4 ^ (V4 >> length), 32),
    st.sampled_from([0, 0x0A000000, 0x0A010203, 0x7F000001, V4]),
    st.integers(0, 32),
)
ODD = st.builds(
    Network, st.integers(0, V4), st.sampled_from([0xFF0000FF, 0x00FF0000, 0xF0F00000]), st.just(32)
)
V6_PREFIXES = st.builds(
    lambda number, length: Network(number, V6 ^ (V6 >> length), 128),
    st.sampled_from([0, 1, 0xFD << 120]),
    st.integers(0, 128),
)


@given(st.lists(PREFIXES | PREFIXES | V6_PREFIXES | ODD, max_size=5))
def test_a_network_holds_all_of_a_cell_or_nothing(networks: list[Network]) -> None:
    space = Space(networks)
    for network in (*networks, *LOOPBACK):
        held = space.of([network])
        for number, cell in enumerate(space.cells):
            assert network.holds(cell.example) == bool(held >> number & 1)


@given(st.lists(PREFIXES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_cells_become_networks_again(networks: list[Network], random) -> None:
    space = Space(networks)
    chosen = random.getrandbits(len(space.cells))
    again = list(space.networks(chosen))
    for number, cell in enumerate(space.cells):
        holding = [each for each in again if each.holds(cell.example)]
        assert len(holding) == chosen >> number & 1


@given(st.lists(PREFIXES | ODD, min_size=1, max_size=4), st.integers(0, V4))
def test_every_address_is_in_one_cell(networks: list[Network], number: int) -> None:
    space = Space(networks)
    point = Network(number, V4, 32)
    pieces = list(space.networks(space.family(32)))
    assert sum(each.covers(point) for each in pieces) == 1


def test_neighbours_are_one_network() -> None:
    space = Space([Network(0x0A000000, 0xFF000000, 32), Network(0x0B000000, 0xFF000000, 32)])
    both = space.of([Network(0x0A000000, 0xFE000000, 32)])
    assert [str(each) for each in space.networks(both)] == ["10.0.0.0/7"]
    assert [str(each) for each in space.networks(space.all)] == ["0.0.0.0/0", "::/0"]
    assert str(space.example(both)) == "10.0.0.0"


def test_runs() -> None:
    assert [count_runs(each) for each in (0, 0b1, 0b1011, 0b10101)] == [0, 1, 2, 3]


def test_masks_without_end_are_not_followed() -> None:
    odd = [Network(0, 1 << number, 32) for number in range(24)]
    with pytest.raises(BeyondUsError, match="too many masks"):
        Space(odd)
