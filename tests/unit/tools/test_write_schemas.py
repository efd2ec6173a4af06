import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_schemas_in_the_documentation_are_those_of_the_kinds():
    path = ROOT / "tools" / "write_schemas.py"
    spec = importlib.util.spec_from_file_location("write_schemas", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    there = {each.name: each.read_text() for each in tool.SCHEMAS.glob("*.json")}
    assert there == tool.wanted(), "run .venv/bin/python tools/write_schemas.py"
