"""Write the JSON Schema of every kind of resource to docs/reference/schemas.

Usage: .venv/bin/python tools/write_schemas.py [--check]
"""

import json
import sys
from pathlib import Path

from pgward.ca.resources import json_schema, kinds

SCHEMAS = Path(__file__).parents[1] / "docs" / "reference" / "schemas"


def wanted() -> dict[str, str]:
    """Return every file with what is to be in it."""
    return {
        f"{kind.lower()}.json": json.dumps(json_schema.of(kind), indent=1, ensure_ascii=False)
        + "\n"
        for kind in kinds.KINDS
    }


def main() -> None:
    """Rewrite the files, or with --check exit 1 when that would change them."""
    there = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    new = wanted()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if new == there else f"out of date: run {sys.argv[0]}")
    SCHEMAS.mkdir(exist_ok=True)
    for name in there.keys() - new.keys():
        (SCHEMAS / name).unlink()
    for name, text in new.items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
