from pgward.hba.live import queries


def test_names_are_written_as_themselves() -> None:
    path = "/d/x\\' \\! touch y #"
    assert " E'/d/x\\\\'' \\\\! touch y #'" in queries.of_file(path)


def test_files_are_asked_for_by_name() -> None:
    assert " E'/it''s'" in queries.of_file("/it's")
    assert "current_setting('hba_file')" in queries.of_setting("hba_file")
    assert "( E'/a'), ( E'/b''')" in queries.newer(["/a", "/b'"])
    assert "pg_ls_dir( E'/d''', false, false)" in queries.names_in("/d'")


def test_every_grant_names_the_role() -> None:
    assert all("{role}" in grant for grant in queries.GRANTS.values())
    assert queries.GRANTS["files"].format(role='"a"').endswith('to "a"')
