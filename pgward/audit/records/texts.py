"""Texts of statements, as records show them."""

from functools import lru_cache

from pgward.audit.records.items import Fields
from pgward.audit.redact import redact_sql, secret_parameters, suspicious

_MOST_KNOWN = 4096


def decoded(data: bytes) -> str:
    """Return a text; what is not UTF-8 is shown by its bytes in hex."""
    return data.decode("utf-8", "backslashreplace")


def about(data: bytes) -> Fields:
    """Return the fields that tell a whole text, without the secrets in it."""
    if not suspicious(data):
        return {"text": data.decode("utf-8", "backslashreplace")}
    hidden = redact_sql(data)
    found: Fields = {"text": decoded(hidden)}
    if hidden != data or b"***" in data:
        found["sensitive"] = True
    return found


def prepared(data: bytes) -> tuple[Fields, frozenset[int]]:
    """Return ``about`` of a prepared statement, and the numbers of its secret parameters."""
    return _known(data) if len(data) <= _MOST_KNOWN else _known.__wrapped__(data)


@lru_cache(maxsize=512)  # clients prepare the same few again and again
def _known(data: bytes) -> tuple[Fields, frozenset[int]]:
    return about(data), secret_parameters(data)
