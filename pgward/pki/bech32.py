"""Bech32 (BIP 173), in which age writes keys; without its limit of 90 letters. Pure."""

from collections.abc import Iterable
from typing import Final

_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_SUM: Final = 6
_WORD: Final = 5
_MOST: Final = 1024


def encode(prefix: str, data: bytes) -> str:
    """Return ``data`` as text that begins with ``prefix`` (lower case) and ``1``."""
    words = _regroup(data, 8, 5)
    if len(data) * 8 % 5:
        rest = len(data) * 8 % 5
        words.append(int.from_bytes(data, "big") << 5 - rest & 31)
    check = _polymod([*_expanded(prefix), *words, *[0] * _SUM]) ^ 1
    words += [check >> 5 * (_SUM - 1 - place) & 31 for place in range(_SUM)]
    return f"{prefix}1{''.join(_LETTERS[word] for word in words)}"


def decode(prefix: str, text: str) -> bytes:
    """Return the data of a text in one case; raise ValueError for another prefix, or a typo."""
    if len(text) > _MOST or text not in (text.lower(), text.upper()):
        raise ValueError("it is too long, or mixes upper and lower case")
    found, one, rest = text.lower().rpartition("1")
    if not one or found != prefix or len(rest) < _SUM:
        raise ValueError(f"it does not begin with {prefix}1")
    words = [_LETTERS.find(letter) for letter in rest]
    if min(words) < 0 or _polymod([*_expanded(prefix), *words]) != 1:
        raise ValueError("it has a typing error")
    words = words[:-_SUM]
    bits = len(words) * 5 % 8
    if bits >= _WORD or (words and words[-1] & (1 << bits) - 1):
        raise ValueError("it is not padded as it must be")
    return bytes(_regroup(words, 5, 8))


def _expanded(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(words: Iterable[int]) -> int:
    check = 1
    for word in words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for place, generator in enumerate(_GENERATORS):
            if top >> place & 1:
                check ^= generator
    return check


def _regroup(data: Iterable[int], size: int, into: int) -> list[int]:
    """Return the bits of groups of ``size`` bits in whole groups of ``into``; drop the rest."""
    found, value, bits = list[int](), 0, 0
    for each in data:
        value, bits = value << size | each, bits + size
        while bits >= into:
            bits -= into
            found.append(value >> bits & (1 << into) - 1)
            value &= (1 << bits) - 1
    return found
