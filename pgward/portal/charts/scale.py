"""Round numbers for an axis."""

from math import floor, log10

_STEPS = (1, 2, 5, 10)
_UNITS = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))


def ticks(highest: float, most: int = 4) -> list[int]:
    """Return whole, round, evenly spaced numbers from 0 to ``highest`` or just beyond it.

    There are at most ``most`` + 1 of them, and at least two.
    """
    if highest <= 1:
        return [0, 1]
    rough = highest / most
    size = 10 ** floor(log10(rough)) if rough >= 1 else 1
    step = next(size * each for each in _STEPS if size * each * most >= highest)
    return [number * step for number in range(-int(-highest // step) + 1)]


def short(number: int) -> str:
    """Write a number in few letters: ``1.2k``."""
    for size, letter in _UNITS:
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)
