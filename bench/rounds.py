"""In which order the peers are measured."""

import random
from collections.abc import Iterator, Sequence


def orders(peers: Sequence[str], rounds: int, seed: int) -> Iterator[list[str]]:
    """Yield one order per round.

    A shuffled order is rotated by one place a round, so that every peer stands equally often
    in every place, and turned round after each full turn, so that no peer always follows the
    same one.
    """
    base = list(peers)
    random.Random(seed).shuffle(base)
    for number in range(rounds):
        turn, place = divmod(number, max(len(base), 1))
        order = base[place:] + base[:place]
        yield order[::-1] if turn % 2 else order
