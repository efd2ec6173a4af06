"""Write pgward/policy/harmless.py: PostgreSQL's own functions that change nothing.

A name is in it when no function so called, in any version from 11 to 18, is declared volatile, but
for the few volatile ones of ALSO, read one by one in the manual; and none that reads tables which
are named in a string, or not at all (BLIND). .tools/postgres has the servers.

Usage: .venv/bin/python tools/write_harmless_functions.py
"""

import textwrap
from pathlib import Path

from pgward.system.postgres import temporary_cluster

ROOT = Path(__file__).parents[1]
# What nobody calls by name: input and output of types, supports of indexes, triggers.
FUNCTIONS = """
SELECT proname, bool_or(provolatile = 'v') FROM pg_proc p
WHERE pronamespace = 'pg_catalog'::regnamespace
AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (typinput, typoutput, typreceive, typsend))
AND NOT EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
AND NOT (proargtypes::oid[] && ARRAY['internal'::regtype::oid])
GROUP BY proname
"""
ALSO = """
clock_timestamp currval gen_random_uuid lastval pg_advisory_unlock_all pg_column_size
pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size
pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused pg_last_wal_receive_lsn
pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_relation_size pg_size_pretty
pg_table_size pg_tablespace_size pg_total_relation_size random random_normal timeofday uuidv4 uuidv7
"""
BLIND = """
database_to_xml database_to_xml_and_xmlschema schema_to_xml schema_to_xml_and_xmlschema
table_to_xml table_to_xml_and_xmlschema
"""
HEADER = '''"""PostgreSQL's own functions that change nothing, and read no table, versions 11 to 18.

Written by tools/write_harmless_functions.py, from how PostgreSQL declares them.
"""

_NAMES = """
'''
FOOTER = """HARMLESS = frozenset(_NAMES.split())
\"\"\"Names without their schema, pg_catalog.\"\"\"
"""


def main() -> None:
    """Ask every version, and write the module."""
    seen: set[str] = set()
    volatile: set[str] = set()
    for version in range(11, 19):
        with temporary_cluster(bin_dir=ROOT / f".tools/postgres/{version}/bin") as cluster:
            for line in cluster.psql(FUNCTIONS).splitlines():
                name, is_volatile = line.split("|")
                (volatile if is_volatile == "t" else seen).add(name)
    names = sorted((seen - volatile - set(BLIND.split())) | set(ALSO.split()))
    body = textwrap.fill(" ".join(names), 99, break_long_words=False, break_on_hyphens=False)
    path = ROOT / "pgward/policy/harmless.py"
    path.write_text(f'{HEADER}{body}\n"""\n{FOOTER}', encoding="utf-8")


if __name__ == "__main__":
    main()
