"""What statements are called: PostgreSQL's command tags, finer where that matters to a rule.

From the types of nodes (PostgreSQL's nodes/parsenodes.h) as libpg_query's grammar gives them.
"""

from collections.abc import Callable, Mapping
from typing import Any

UNPARSED = "UNPARSED"
FUNCTION_CALL = "FUNCTION_CALL"
ROW_LOCK = "SELECT FOR UPDATE"

_PLAIN = {
    "SelectStmt": "SELECT",
    "InsertStmt": "INSERT",
    "UpdateStmt": "UPDATE",
    "DeleteStmt": "DELETE",
    "MergeStmt": "MERGE",
    "ExplainStmt": "EXPLAIN",
    "PrepareStmt": "PREPARE",
    "ExecuteStmt": "EXECUTE",
    "DeallocateStmt": "DEALLOCATE",
    "DeclareCursorStmt": "DECLARE CURSOR",
    "FetchStmt": "FETCH",
    "ClosePortalStmt": "CLOSE",
    "DoStmt": "DO",
    "CallStmt": "CALL",
    "VariableShowStmt": "SHOW",
    "LockStmt": "LOCK",
    "TruncateStmt": "TRUNCATE",
    "ListenStmt": "LISTEN",
    "UnlistenStmt": "UNLISTEN",
    "NotifyStmt": "NOTIFY",
    "LoadStmt": "LOAD",
    "CheckPointStmt": "CHECKPOINT",
    "DiscardStmt": "DISCARD",
    "ConstraintsSetStmt": "SET CONSTRAINTS",
    "ClusterStmt": "CLUSTER",
    "ReindexStmt": "REINDEX",
    "CommentStmt": "COMMENT",
    "SecLabelStmt": "SECURITY LABEL",
    "DropOwnedStmt": "DROP OWNED",
    "ReassignOwnedStmt": "REASSIGN OWNED",
    "ImportForeignSchemaStmt": "IMPORT FOREIGN SCHEMA",
    "AlterDefaultPrivilegesStmt": "ALTER DEFAULT PRIVILEGES",
    "AlterSystemStmt": "ALTER SYSTEM",
    "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
    "CreateStmt": "CREATE TABLE",
    "CreateForeignTableStmt": "CREATE FOREIGN TABLE",
    "ViewStmt": "CREATE VIEW",
    "IndexStmt": "CREATE INDEX",
    "RuleStmt": "CREATE RULE",
    "CreateSchemaStmt": "CREATE SCHEMA",
    "CreateExtensionStmt": "CREATE EXTENSION",
    "AlterExtensionStmt": "ALTER EXTENSION",
    "AlterExtensionContentsStmt": "ALTER EXTENSION",
    "CreatedbStmt": "CREATE DATABASE",
    "AlterDatabaseStmt": "ALTER DATABASE",
    "AlterDatabaseSetStmt": "ALTER DATABASE",
    "AlterDatabaseRefreshCollStmt": "ALTER DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "CreateRoleStmt": "CREATE ROLE",
    "AlterRoleStmt": "ALTER ROLE",
    "AlterRoleSetStmt": "ALTER ROLE",
    "DropRoleStmt": "DROP ROLE",
    "CreateTrigStmt": "CREATE TRIGGER",
    "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "AlterEventTrigStmt": "ALTER EVENT TRIGGER",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "CreateSeqStmt": "CREATE SEQUENCE",
    "AlterSeqStmt": "ALTER SEQUENCE",
    "CreateStatsStmt": "CREATE STATISTICS",
    "AlterStatsStmt": "ALTER STATISTICS",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "AlterFdwStmt": "ALTER FOREIGN DATA WRAPPER",
    "CreateForeignServerStmt": "CREATE SERVER",
    "AlterForeignServerStmt": "ALTER SERVER",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DropTableSpaceStmt": "DROP TABLESPACE",
    "AlterTableSpaceOptionsStmt": "ALTER TABLESPACE",
    "AlterTableMoveAllStmt": "ALTER TABLE",
    "CreateAmStmt": "CREATE ACCESS METHOD",
    "CreateOpClassStmt": "CREATE OPERATOR CLASS",
    "CreateOpFamilyStmt": "CREATE OPERATOR FAMILY",
    "AlterOpFamilyStmt": "ALTER OPERATOR FAMILY",
    "CompositeTypeStmt": "CREATE TYPE",
    "CreateEnumStmt": "CREATE TYPE",
    "CreateRangeStmt": "CREATE TYPE",
    "AlterEnumStmt": "ALTER TYPE",
    "AlterTSDictionaryStmt": "ALTER TEXT SEARCH DICTIONARY",
    "AlterTSConfigurationStmt": "ALTER TEXT SEARCH CONFIGURATION",
}
# Parts of statements that look like statements themselves, and say nothing.
_PARTS = frozenset({"RawStmt", "SetOperationStmt", "ReturnStmt", "ReplicaIdentityStmt"})

_TRANSACTION = {
    1: "BEGIN",
    2: "START TRANSACTION",
    3: "COMMIT",
    4: "ROLLBACK",
    5: "SAVEPOINT",
    6: "RELEASE",
    7: "ROLLBACK TO",
    8: "PREPARE TRANSACTION",
    9: "COMMIT PREPARED",
    10: "ROLLBACK PREPARED",
}
_RESETS = (5, 6)  # VariableSetKind: VAR_RESET, VAR_RESET_ALL
_IDENTITY = {"role": "SET ROLE", "session_authorization": "SET SESSION AUTHORIZATION"}
_OBJECTS = {
    1: "ACCESS METHOD",
    2: "AGGREGATE",
    6: "CAST",
    8: "COLLATION",
    9: "CONVERSION",
    10: "DATABASE",
    13: "DOMAIN",
    14: "DOMAIN",
    15: "EVENT TRIGGER",
    16: "EXTENSION",
    17: "FOREIGN DATA WRAPPER",
    18: "SERVER",
    19: "FOREIGN TABLE",
    20: "FUNCTION",
    21: "INDEX",
    22: "LANGUAGE",
    23: "LARGE OBJECT",
    24: "MATERIALIZED VIEW",
    25: "OPERATOR CLASS",
    26: "OPERATOR",
    27: "OPERATOR FAMILY",
    29: "POLICY",
    30: "PROCEDURE",
    31: "PUBLICATION",
    34: "ROLE",
    35: "ROUTINE",
    36: "RULE",
    37: "SCHEMA",
    38: "SEQUENCE",
    39: "SUBSCRIPTION",
    40: "STATISTICS",
    42: "TABLE",
    43: "TABLESPACE",
    44: "TRANSFORM",
    45: "TRIGGER",
    46: "TEXT SEARCH CONFIGURATION",
    47: "TEXT SEARCH DICTIONARY",
    48: "TEXT SEARCH PARSER",
    49: "TEXT SEARCH TEMPLATE",
    50: "TYPE",
    51: "USER MAPPING",
    52: "VIEW",
}
RELATIONS = frozenset({19, 21, 24, 38, 42, 52})
"""Types of objects (ObjectType) whose names are those of tables and the like."""
OF_RELATIONS = frozenset({7, 29, 36, 41, 45})
"""Types of objects that are part of a table, the last of whose names is their own."""

Fields = Mapping[str, Any]


def _object(fields: Fields, *names: str) -> str:
    """Return what the first of these fields names; tables have it elsewhere in some statements."""
    numbers = (fields.get(name, 0) for name in names)
    return next((_OBJECTS[each] for each in numbers if each in _OBJECTS), "OBJECT")


def _copy(fields: Fields) -> str:
    kind = "COPY FROM" if fields.get("is_from") else "COPY TO"
    if fields.get("is_program"):
        return f"{kind} PROGRAM"
    return f"{kind} FILE" if "filename" in fields else kind


def _set(fields: Fields) -> str:
    name = str(fields.get("name", "")).lower()
    if name in _IDENTITY:
        return _IDENTITY[name]
    if name.startswith(("transaction", "session characteristics")):
        return "SET TRANSACTION"
    return "RESET" if fields.get("kind") in _RESETS else "SET"


def _select(fields: Fields) -> str:
    return "SELECT INTO" if "into_clause" in fields else "SELECT"


def _as(fields: Fields) -> str:
    return f"CREATE {_object(fields, 'objtype')} AS" if fields.get("objtype") != 24 else _MATVIEW  # noqa: PLR2004


_MATVIEW = "CREATE MATERIALIZED VIEW"
_BY_FIELDS: Mapping[str, Callable[[Fields], str]] = {
    "SelectStmt": _select,
    "CopyStmt": _copy,
    "VariableSetStmt": _set,
    "TransactionStmt": lambda fields: _TRANSACTION.get(fields.get("kind", 0), "TRANSACTION"),
    "CreateTableAsStmt": _as,
    "DropStmt": lambda fields: f"DROP {_object(fields, 'remove_type')}",
    "AlterTableStmt": lambda fields: f"ALTER {_object(fields, 'objtype')}",
    "RenameStmt": lambda fields: f"ALTER {_object(fields, 'rename_type', 'relation_type')}",
    "AlterObjectSchemaStmt": lambda fields: f"ALTER {_object(fields, 'object_type')}",
    "AlterOwnerStmt": lambda fields: f"ALTER {_object(fields, 'object_type')}",
    "AlterObjectDependsStmt": lambda fields: f"ALTER {_object(fields, 'object_type')}",
    "DefineStmt": lambda fields: f"CREATE {_object(fields, 'kind')}",
    "GrantStmt": lambda fields: "GRANT" if fields.get("is_grant") else "REVOKE",
    "GrantRoleStmt": lambda fields: "GRANT ROLE" if fields.get("is_grant") else "REVOKE ROLE",
    "VacuumStmt": lambda fields: "VACUUM" if fields.get("is_vacuumcmd") else "ANALYZE",
    "CreateFunctionStmt": lambda fields: (
        "CREATE PROCEDURE" if fields.get("is_procedure") else "CREATE FUNCTION"
    ),
    "AlterFunctionStmt": lambda fields: f"ALTER {_object(fields, 'objtype')}",
}
BY_COMMAND = {3: "UPDATE", 4: "INSERT", 5: "DELETE"}
"""What a branch of MERGE does, by its CmdType."""
READING = frozenset(
    {
        "SELECT",
        "EXPLAIN",
        "SHOW",
        "PREPARE",
        "DEALLOCATE",
        "DECLARE CURSOR",
        "FETCH",
        "CLOSE",
        "COPY TO",
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
        "ROLLBACK TO",
        "SET",
        "SET TRANSACTION",
        "SET CONSTRAINTS",
        "RESET",
        "DISCARD",
        "LISTEN",
        "UNLISTEN",
    }
)
"""Kinds that leave everybody's data as it is. EXECUTE is not among them: it may be of anything."""


def is_statement(node_type: str) -> bool:
    """Tell whether a type of node is that of a statement."""
    return node_type.endswith("Stmt") and node_type not in _PARTS


def name_of(node_type: str, fields: Fields) -> str:
    """Return what a statement is called; one that this table lacks by its type's words."""
    by_fields = _BY_FIELDS.get(node_type)
    if by_fields is not None:
        return by_fields(fields)
    return _PLAIN.get(node_type) or _words(node_type)


def _words(node_type: str) -> str:
    """Return ``AlterPolicyStmt`` as ``ALTER POLICY``."""
    bare = node_type.removesuffix("Stmt")
    return "".join(f" {letter}" if letter.isupper() else letter for letter in bare).strip().upper()
