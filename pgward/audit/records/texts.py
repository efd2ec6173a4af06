"""Texts of statements, as records show them."""

from pgward.audit.records.items import Fields
from pgward.audit.redact import redact_sql, suspicious


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
