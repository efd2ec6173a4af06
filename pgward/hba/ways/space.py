"""The client addresses, cut into cells that no rule tells apart.

A set of cells is an integer with a bit for each. Masks that are no prefixes cut cells into cubes:
addresses of which some bits are given, in any place.
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from pgward.hba.syntax.addresses import IP, Network
from pgward.hba.syntax.regexes import BeyondUsError

LOOPBACK = (Network(0x7F000000, 0xFF000000, 32), Network(1, (1 << 128) - 1, 128))
_MOST_CUBES = 20_000
_WIDTHS = (32, 128)


@dataclass(frozen=True, slots=True)
class Cell:
    """Addresses from ``first`` to ``last``, or ``cubes`` of them where masks are no prefixes."""

    bits: int
    first: int
    last: int
    cubes: tuple[Network, ...] = ()
    within: frozenset[Network] = frozenset()

    @property
    def example(self) -> IP:
        """One of its addresses."""
        number = self.cubes[0].address if self.cubes else self.first
        return IPv4Address(number) if self.bits == _WIDTHS[0] else IPv6Address(number)


class Space:
    """All addresses of both families, cut by ``networks``."""

    def __init__(self, networks: Iterable[Network]) -> None:
        known = dict.fromkeys((*LOOPBACK, *map(_plain, networks)))
        self.cells: list[Cell] = []
        self._starts: dict[int, list[int]] = {}
        self._offsets: dict[int, int] = {}
        for bits in _WIDTHS:
            mine = [each for each in known if each.bits == bits]
            self._offsets[bits] = len(self.cells)
            self.cells += _cells(bits, mine)
            self._starts[bits] = [each.first for each in self.cells[self._offsets[bits] :]]
        self.all = (1 << len(self.cells)) - 1
        self.loopback = self.of(LOOPBACK)
        self._known: dict[Network, int] = {}

    def of(self, networks: Iterable[Network]) -> int:
        """Return the cells that networks hold, all of which the space was cut by."""
        found = 0
        for each in networks:
            found |= self._one(_plain(each))
        return found

    def family(self, bits: int) -> int:
        """Return all cells of a family of addresses, by its width."""
        offset = self._offsets[bits]
        return ((1 << len(self._starts[bits])) - 1) << offset

    def example(self, cells: int) -> IP:
        """Return an address in a set of cells."""
        return self.cells[(cells & -cells).bit_length() - 1].example

    def networks(self, cells: int) -> Iterator[Network]:
        """Yield networks that make up a set of cells, in the order of the cells."""
        for start, end in _runs(cells):
            at = start
            while at < end:
                cell = self.cells[at]
                last = at
                while not cell.cubes and last + 1 < end and self._follows(last):
                    last += 1
                yield from cell.cubes or _prefixes(cell.bits, cell.first, self.cells[last].last)
                at = last + 1

    def _follows(self, number: int) -> bool:
        """Tell whether the next cell begins where this one ends, in its family."""
        cell, after = self.cells[number], self.cells[number + 1]
        return not after.cubes and (after.bits, after.first) == (cell.bits, cell.last + 1)

    def _one(self, network: Network) -> int:
        if network.prefix is None:
            return sum(
                1 << number for number, cell in enumerate(self.cells) if network in cell.within
            )
        first, last = _ends(network)
        offset, starts = self._offsets[network.bits], self._starts[network.bits]
        low, high = bisect_left(starts, first), bisect_left(starts, last + 1)
        return ((1 << (high - low)) - 1) << (offset + low)


def count_runs(cells: int) -> int:
    """Return how many ranges a set of cells has at least."""
    return (cells & ~(cells << 1)).bit_count()


def _runs(cells: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of numbers in a set, each with the number after its last."""
    at = 0
    while cells:
        skipped = (cells & -cells).bit_length() - 1
        cells >>= skipped
        length = (~cells & cells + 1).bit_length() - 1
        yield at + skipped, at + skipped + length
        cells >>= length
        at += skipped + length


def _plain(network: Network) -> Network:
    """Return a network with nothing beyond its mask."""
    return Network(network.address & network.mask, network.mask, network.bits)


def _ends(network: Network) -> tuple[int, int]:
    return network.address, network.address | ((1 << network.bits) - 1) ^ network.mask


def _cells(bits: int, networks: Sequence[Network]) -> Iterator[Cell]:
    cuts = {0, 1 << bits}
    odd = [each for each in networks if each.prefix is None]
    for each in networks:
        if each.prefix is not None:
            first, last = _ends(each)
            cuts |= {first, last + 1}
    starts = sorted(cuts)
    count = 0
    for first, end in itertools.pairwise(starts):
        if not odd:
            yield Cell(bits, first, end - 1)
            continue
        for cell in _cut(bits, first, end - 1, odd):
            count += len(cell.cubes)
            if count > _MOST_CUBES:
                raise BeyondUsError("there are too many masks that are no prefixes")
            yield cell


def _cut(bits: int, first: int, last: int, odd: Sequence[Network]) -> Iterator[Cell]:
    """Yield a range's parts by which of the odd networks hold them, together."""
    parts: dict[frozenset[Network], list[Network]] = {
        frozenset(): list(_prefixes(bits, first, last))
    }
    for network in odd:
        cut: dict[frozenset[Network], list[Network]] = {}
        for within, cubes in parts.items():
            for cube in cubes:
                inside, outside = _split(cube, network)
                if inside is not None:
                    cut.setdefault(within | {network}, []).append(inside)
                if outside:
                    cut.setdefault(within, []).extend(outside)
            if sum(map(len, cut.values())) > _MOST_CUBES:
                raise BeyondUsError("there are too many masks that are no prefixes")
        parts = cut
    for within, cubes in parts.items():
        yield Cell(bits, first, last, tuple(cubes), within)


def _split(cube: Network, by: Network) -> tuple[Network | None, list[Network]]:
    """Return what of a cube is in a network, and what is not, both as cubes."""
    if (cube.address ^ by.address) & cube.mask & by.mask:
        return None, [cube]
    outside = []
    address, mask = cube.address, cube.mask
    for number in reversed(range(cube.bits)):
        bit = 1 << number
        if by.mask & ~mask & bit:
            mask |= bit
            outside.append(Network(address | ~by.address & bit, mask, cube.bits))
            address |= by.address & bit
    return Network(address, mask, cube.bits), outside


def _prefixes(bits: int, first: int, last: int) -> Iterator[Network]:
    """Yield the prefixes that make up a range."""
    whole = (1 << bits) - 1
    while first <= last:
        size = (first & -first) or 1 << bits
        while first + size - 1 > last:
            size >>= 1
        yield Network(first, whole ^ (size - 1), bits)
        first += size
