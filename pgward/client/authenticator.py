"""The secret of an authenticator app, shown on the terminal: as a QR code, and to be typed."""

from collections.abc import Iterator, Sequence

import segno

from pgward.core.errors import UnavailableError
from pgward.system import terminal

ASK = "The six digits that the app shows now"
_QUIET = 2  # modules of light around the code
_MOST = 600
# Upper half, lower half: light is drawn, as most terminals are dark; apps read both.
_BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def show(uri: str, secret: str) -> None:
    """Tell how to set the app up; on a terminal with a QR code."""
    if not uri.startswith("otpauth://totp/") or len(uri) > _MOST:
        raise UnavailableError("the CA's secret cannot be read", hint="look at the CA's version")
    if terminal.interactive():
        terminal.prompt("scan this with your authenticator app:\n\n" + qr_code(uri) + "\n")
    terminal.prompt(f"to type it instead: {grouped(secret)}\nor open: {uri}")


def grouped(secret: str) -> str:
    """Return a secret in groups of four letters."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def qr_code(text: str) -> str:
    """Return a QR code in half blocks, two rows of it in one line."""
    matrix = segno.make(text, error="l", micro=False).matrix_iter(border=_QUIET)
    rows = [[not module for module in row] for row in matrix]
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[Sequence[bool]]) -> Iterator[str]:
    none = [False] * len(rows[0])
    for at in range(0, len(rows), 2):
        below = rows[at + 1] if at + 1 < len(rows) else none
        yield "".join(_BLOCKS[pair] for pair in zip(rows[at], below, strict=True))
