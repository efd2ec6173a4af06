import pytest

from pgward.hba.install.reading import View, errors, hba_lines, ident_lines, values
from pgward.hba.server.datadir import DataDir
from pgward.hba.syntax.files import FileProblemError


@pytest.fixture
def found(pg_files) -> DataDir:
    return DataDir.open(pg_files.data_dir)


def test_contents_that_are_not_in_place(found) -> None:
    view = View(
        found.disk, {found.hba_file: b"local all all @more\n", found.path / "more": b"peer"}
    )
    (line,) = hba_lines(found, view)
    assert (line.path, [token.text for token in line.fields[-1]]) == (str(found.hba_file), ["peer"])
    assert len(hba_lines(found, View(found.disk))) > 1


def test_a_map_that_is_not_there(found) -> None:
    found.ident_file.unlink()
    assert ident_lines(found, View(found.disk)) == []
    found.hba_file.unlink()
    with pytest.raises(FileProblemError):
        hba_lines(found, View(found.disk))
    (said,) = errors(found)
    assert "pg_hba.conf" in str(said)


def test_what_is_set_where_counts_in_the_servers_order(found) -> None:
    found.config_file.write_text("ssl = on\nPort = 1\nlisten_addresses = 'a'\n")
    found.auto_file.write_text("port = 2\n")
    (found.path / "postmaster.opts").write_text('postgres "-c" "listen_addresses=b"\n')
    started = DataDir.open(found.path)
    set_ = values(started, View(started.disk))
    assert (set_["ssl"], set_["port"], set_["listen_addresses"]) == ("on", "2", "b")
    started.auto_file.unlink()
    assert values(started, View(started.disk))["port"] == "1"


def test_errors_have_their_places(found) -> None:
    found.hba_file.write_text(
        "local all all peer\nhost all all 10.0.0.0/8 magic\nlocal all @none peer\n"
    )
    found.ident_file.write_text("m a\n")
    places = [each.where for each in errors(found)]
    assert places == [f"{found.hba_file}:2", f"{found.hba_file}:3", f"{found.ident_file}:1"]
    assert [each.where for each in errors(found, ident_only=True)] == [f"{found.ident_file}:1"]


def test_a_list_that_the_server_may_not_read(found) -> None:
    (found.path / "people").mkdir()
    found.hba_file.write_text("local all @people peer\n")
    (said,) = errors(found)
    assert said.where == f"{found.hba_file}:1"


def test_expressions_beyond_us_are_no_errors(found) -> None:
    found.hba_file.write_text("local all all peer map=m\n")
    found.ident_file.write_text("m /(?x)abc alice\n")
    assert errors(found) == []
