"""Sets of client addresses in words: networks, or all but some networks."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from pgward.hba.ways.space import Space, count_runs

_WHOLE = {32: "0.0.0.0/0", 128: "::/0"}
_LOOPBACK = {32: "127.0.0.0/8", 128: "::1/128"}
_MOST_SHOWN = 3
_MOST = 100


@dataclass(frozen=True, slots=True)
class Where:
    """Networks and names of hosts, without the networks ``but``.

    ``more`` is whether there are others, too many to list.
    """

    of: tuple[str, ...]
    but: tuple[str, ...] = ()
    more: bool = False

    def __str__(self) -> str:
        if self.of == tuple(_WHOLE.values()) and not self.more:
            whole = "anywhere"
        else:
            whole = _listed(self.of, more=self.more)
        return f"{whole} but {_listed(self.but, more=False)}" if self.but else whole


class Places:
    """Describes cells of a space; loopback, which is a channel of its own, counts as either."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._known: dict[int, Where] = {}

    def where(self, cells: int, hosts: Iterable[str]) -> Where:
        """Return what cells and names of hosts are called."""
        if cells not in self._known:
            self._known[cells] = self._of_cells(cells)
        found = self._known[cells]
        return Where((*found.of, *(f"hosts named {each}" for each in hosts)), found.but, found.more)

    def _of_cells(self, cells: int) -> Where:
        loopback = self._space.loopback
        here = not cells & ~loopback
        of: list[str] = []
        but: list[str] = []
        more = False
        for bits, whole in (_LOOPBACK if here else _WHOLE).items():
            family = self._space.family(bits) & (loopback if here else self._space.all)
            mine = cells & family
            if not mine:
                continue
            missing = family & ~mine
            if not here:
                # With or without loopback, whichever is shorter.
                mine = min(mine, mine | loopback & family, key=count_runs)
                missing &= ~loopback
            listed, rest = of, mine
            if not missing or count_runs(missing) < count_runs(mine):
                of.append(whole)
                listed, rest = but, missing
            found = list(itertools.islice(self._space.networks(rest), _MOST + 1))
            more = more or len(found) > _MOST
            listed += map(str, found[:_MOST])
        return Where(tuple(of), tuple(but), more)


def _listed(names: tuple[str, ...], *, more: bool) -> str:
    if len(names) <= _MOST_SHOWN + 1 and not more:
        return ", ".join(names)
    left = f"{len(names) - _MOST_SHOWN}{'+' if more else ''}"
    return f"{', '.join(names[:_MOST_SHOWN])} and {left} more"
