"""Walks the tree of one statement: what kinds are in it, which tables, functions and settings.

Without recursion, as trees are as deep as people like. Names of WITH queries are no tables where
they are in scope (PostgreSQL manual, chapter 7.8), and only there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pgward.policy import statement_kinds as kinds
from pgward.policy.tree import MAX_NODES, Node, UnparsedError

_PLAIN_NAME = re.compile(r"[a-z_\u0080-\U0010ffff][a-z0-9_$\u0080-\U0010ffff]*")
_SYSTEM = "pg_catalog"
# Nothing in them, or only what has been looked at.
_LEAVES = frozenset(
    {"A_Const", "A_Star", "Alias", "Boolean", "ColumnRef", "Float", "Integer", "ParamRef", "String"}
)
_TARGETS = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
# What has the name of an operator, or of a method, which are functions by another name.
_OPERATORS = {
    "A_Expr": "name",
    "SortBy": "use_op",
    "SubLink": "oper_name",
    "RangeTableSample": "method",
}
_UPDATES_ON_CONFLICT = 3  # OnConflictAction: ONCONFLICT_UPDATE

Names = frozenset[str]
Children = Iterable[tuple[str, Any]]


@dataclass(slots=True)
class Facts:
    """What is in a statement, in the order of its text; dicts, as sets have none."""

    kinds: dict[str, None] = field(default_factory=dict)
    tables: dict[str, None] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)
    settings: dict[str, None] = field(default_factory=dict)

    def add_table(self, parts: Iterable[str]) -> None:
        """Note a table by its name's parts; the database's name says nothing."""
        quoted = [quote(part) for part in parts][-2:]
        if quoted:
            self.tables[".".join(quoted)] = None
            self.names[quoted[-1]] = None

    def add_function(self, parts: Iterable[str]) -> None:
        """Note a function; one of PostgreSQL's own goes without its schema."""
        found = list(parts)[-2:]
        own = found[1:] if found[:-1] == [_SYSTEM] else found
        self.functions[".".join(quote(part) for part in own)] = None

    def add_operator(self, parts: Iterable[str]) -> None:
        """Note an operator that is somebody's own, which is a function."""
        found = list(parts)
        if len(found) > 1 and found[-2] != _SYSTEM:
            self.add_function(found)


def quote(name: str) -> str:
    """Write a name as PostgreSQL does: in double quotes where it needs them to mean the same."""
    return name if _PLAIN_NAME.fullmatch(name) else '"{}"'.format(name.replace('"', '""'))


def facts_of(statement: Node) -> Facts:
    """Return what is in a statement; raise UnparsedError when it is too large."""
    facts = Facts()
    todo: list[tuple[Node, Names]] = [(statement, frozenset())]
    seen = 0
    while todo:
        node, scope = todo.pop()
        seen += 1
        if seen > MAX_NODES:
            raise UnparsedError("it is too large")
        if node.name not in _LEAVES:
            todo += reversed(list(_look(node, scope, facts)))
    return facts


def _look(node: Node, scope: Names, facts: Facts) -> Iterable[tuple[Node, Names]]:
    """Note what a node says; return what is inside, each with the WITH queries that it sees."""
    fields = list(node.fields())
    if kinds.is_statement(node.name):
        return _statement(node, fields, scope, facts)
    if node.name == "RangeVar":
        _table(dict(fields), scope, facts)
        return ()
    if node.name == "FuncCall":
        facts.add_function(_texts(value for name, value in fields if name == "funcname"))
        fields = [each for each in fields if each[0] != "funcname"]
    elif node.name in _OPERATORS:
        wanted = _OPERATORS[node.name]
        facts.add_operator(_texts(value for name, value in fields if name == wanted))
    elif node.name == "LockingClause":
        facts.kinds[kinds.ROW_LOCK] = None
        return ()  # what it names are aliases
    elif node.name == "MergeWhenClause":
        kind = kinds.BY_COMMAND.get(dict(fields).get("command_type", 0))
        facts.kinds |= {kind: None} if kind else {}
    elif node.name == "OnConflictClause" and ("action", _UPDATES_ON_CONFLICT) in fields:
        facts.kinds["UPDATE"] = None
    return [(value, scope) for _, value in fields if isinstance(value, Node)]


def _statement(
    node: Node, fields: list[tuple[str, Any]], scope: Names, facts: Facts
) -> Iterable[tuple[Node, Names]]:
    one = dict(fields)
    if not (facts.kinds and "values_lists" in one):  # INSERT's VALUES is a SELECT by type only
        facts.kinds[kinds.name_of(node.name, one)] = None
    if node.name == "VariableSetStmt" and "name" in one:
        facts.settings[str(one["name"]).lower()] = None
    elif node.name in ("DropStmt", "CommentStmt", "SecLabelStmt"):
        _objects(fields, one, facts)
    inner = scope
    found: list[tuple[Node, Names]] = []
    if isinstance(one.get("with_clause"), Node):
        found, inner = _with(one["with_clause"], scope)
    for name, value in fields:
        if name == "with_clause" or not isinstance(value, Node):
            continue
        # A WITH query cannot be written to: that is always a table.
        is_target = name == "relation" and node.name in _TARGETS
        found.append((value, frozenset() if is_target else inner))
    return found


def _with(clause: Node, scope: Names) -> tuple[list[tuple[Node, Names]], Names]:
    """Return the queries of a WITH clause with what each sees, and what all behind them see."""
    recursive, queries = False, []
    for name, value in clause.fields():
        recursive = recursive or (name == "recursive" and bool(value))
        if isinstance(value, Node):
            queries.append(value)
    names = [str(dict(each.fields()).get("ctename", "")) for each in queries]
    every = scope | frozenset(names)
    found = []
    for index, query in enumerate(queries):
        sees = every if recursive else scope | frozenset(names[:index])
        found.append((query, sees))
    return found, every


def _table(one: dict[str, Any], scope: Names, facts: Facts) -> None:
    name, schema = one.get("relname"), one.get("schemaname")
    if name is None or (schema is None and name in scope):
        return
    facts.add_table([schema, name] if schema is not None else [name])


def _objects(fields: list[tuple[str, Any]], one: dict[str, Any], facts: Facts) -> None:
    """Note the tables that DROP and COMMENT name, which stand there as lists of words."""
    kind = one.get("remove_type", one.get("objtype"))
    if kind not in kinds.RELATIONS | kinds.OF_RELATIONS:
        return
    for name, value in fields:
        if name in ("object", "objects") and isinstance(value, Node):
            parts = _texts(inner for _, inner in value.fields())
            facts.add_table(parts[:-1] if kind in kinds.OF_RELATIONS else parts)


def _texts(nodes: Iterable[Any]) -> list[str]:
    """Return the texts of String nodes."""
    found = [dict(each.fields()) for each in nodes if isinstance(each, Node)]
    return [str(each["sval"]) for each in found if "sval" in each]
