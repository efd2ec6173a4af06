"""A fix: what would be changed so that a finding is no more, and nothing else.

Only what is safe has one: nobody who rightly gets in is locked out by it, and nobody let in.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """The bytes of a file from ``start`` up to ``end`` become ``text``.

    ``begins`` and ``ends`` are the same two places as lines and columns, all from 1.
    """

    path: str
    start: int
    end: int
    text: bytes
    begins: tuple[int, int]
    ends: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Mode:
    """A file's permissions become ``mode``."""

    path: str
    mode: int


Fix = Edit | Mode
