from pgward.hba.live import queries


def test_names_are_written_as_themselves() -> None:
    assert queries.literal("it's \\ $1") == "'it''s \\ $1'"
    assert queries.identifier('a"b') == '"a""b"'


def test_files_are_asked_for_by_name() -> None:
    assert "'/it''s'" in queries.of_file("/it's")
    assert "current_setting('hba_file')" in queries.of_setting("hba_file")
    assert "('/a'), ('/b''')" in queries.newer(["/a", "/b'"])
    assert "pg_ls_dir('/d''', false, false)" in queries.names_in("/d'")


def test_every_grant_names_the_role() -> None:
    assert all("{role}" in grant for grant in queries.GRANTS.values())
    assert queries.GRANTS["files"].format(role='"a"').endswith('to "a"')
