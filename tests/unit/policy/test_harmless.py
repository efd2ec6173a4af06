import pytest

from pgward.policy.harmless import HARMLESS


def test_what_reads_or_reckons_is_harmless():
    assert {"count", "lower", "now", "coalesce", "format_type", "pg_get_viewdef"} - HARMLESS == {
        "coalesce"  # no function, but a word of the grammar
    }


@pytest.mark.parametrize(
    "name",
    [
        "nextval",
        "setval",
        "set_config",
        "pg_terminate_backend",
        "pg_read_file",
        "pg_ls_dir",
        "lo_import",
        "lo_unlink",
        "query_to_xml",
        "table_to_xml",
        "schema_to_xml_and_xmlschema",
        "database_to_xml",
        "ts_rewrite",
        "ts_stat",
        "pg_sleep",
        "pg_advisory_lock",
        "pg_notify",
        "pg_reload_conf",
        "pg_logical_slot_get_changes",
        "dblink_exec",
    ],
)
def test_what_writes_waits_or_runs_other_texts_is_not(name):
    assert name not in HARMLESS
