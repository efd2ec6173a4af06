"""Records of what was said to databases, in a line each."""

from collections.abc import Mapping
from typing import Any

from pgward.audit.sound import sound


def said(record: Mapping[str, Any]) -> str:
    """Return what a record is about."""
    record = sound(record)  # an edge may write anything
    details = record.get("details") or {}
    match record.get("type"):
        case "SESSION_START":
            begun = f"as {record.get('role')} in {record.get('database')}"
            return f"{begun}: {details['reason']}" if details.get("reason") else begun
        case "FUNCTION_CALL" if "function" in record:
            return f"function {record['function']}"
        case "RECORDING" if "piece" in record:
            return f"piece {record['piece']}"
    told = (record.get(name) for name in ("text", "reason", "message"))
    return next((str(each) for each in told if each), "") or str(details.get("notice") or "")
