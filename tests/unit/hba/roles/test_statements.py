from pgward.hba.roles import statements as sql
from pgward.hba.roles.facts import Mark


def test_names_and_texts_are_quoted():
    assert sql.grant('a"b', "c'd") == """grant "a""b" to "c'd";"""
    assert sql.mark("x", Mark("o'neil", "m")) == (
        """comment on role "x" is  E'managed by pgward: """
        """{"person": "o''neil", "map": "m", "memberOf": []}';"""
    )


def test_roles_can_do_nothing_but_log_in():
    assert sql.create("ann", None) == (
        'create role "ann" login nosuperuser nocreatedb nocreaterole inherit noreplication '
        "nobypassrls connection limit -1;"
    )
    assert "nosuperuser" not in sql.alter("ann", 3, superuser=True)


def test_a_transaction_is_whole_and_trusts_no_schema():
    script = sql.transaction([sql.disable("ann"), sql.drop("ann"), sql.revoke("a", "b")])
    lines = script.splitlines()
    assert lines[0] == "set search_path to pg_catalog;"
    assert (lines.index("begin;") < lines.index('drop role "ann";'), lines[-1]) == (True, "commit;")


def test_sessions_are_found_by_certificate_and_by_role():
    script = sql.end_sessions({("ann", "app")}, {"ann"}, 16)
    assert "(a.usename::text, s.client_dn::text) in (values ( E'app',  E'/CN=ann'))" in script
    assert "a.usename::text in ( E'ann')" in script
    assert "s.clientdn" in sql.end_sessions({("ann", "app")}, (), 11)
    assert "(false)" in sql.end_sessions((), (), 16)


def test_long_subjects_are_cut_as_the_server_cuts_them():
    script = sql.end_sessions({("x" * 63, "app")}, (), 16)
    assert f"'/CN={'x' * 59}'" in script
