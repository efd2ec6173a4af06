import errno
import os
import re
from pathlib import Path

import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.files import ServerFiles, of_directory, of_names
from pgward.hba.syntax.versions import Abilities
from pgward.system import files as system_files
from pgward.system.postgres import Cluster


@pytest.fixture
def data(tmp_path: Path) -> Path:
    texts = {
        "PG_VERSION": "16\n",
        "postgresql.conf": "ssl = on\nport = 1\ninclude 'more.conf'\n",
        "more.conf": "port = 2\n",
        "postgresql.auto.conf": "port = 3\n",
        "pg_hba.conf": "local all all peer\n",
        "pg_ident.conf": "m a b\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def settings(found: ServerFiles) -> list[tuple[str, str, str]]:
    return [
        (Path(each.place.path).name, each.setting.key, each.setting.value)
        for each in found.settings or ()
        if each.setting is not None
    ]


def test_a_data_directory_with_what_alter_system_set_behind(data) -> None:
    found = of_directory(data)
    assert (found.able.version, len(found.hba), len(found.ident)) == (16, 1, 1)
    assert settings(found) == [
        ("postgresql.conf", "ssl", "on"),
        ("postgresql.conf", "port", "1"),
        ("more.conf", "port", "2"),
        ("postgresql.auto.conf", "port", "3"),
    ]


def test_what_it_was_started_with_wins(data) -> None:
    (data / "postmaster.opts").write_text('/bin/postgres "-c" "hba_file=my" "--ssl=off"\n')
    (data / "my").write_text("host all all all md5\nhost all all all md5\n")
    found = of_directory(data)
    assert len(found.hba) == 2
    assert settings(found)[-2:] == [
        ("postmaster.opts", "hba_file", "my"),
        ("postmaster.opts", "ssl", "off"),
    ]


def test_files_that_the_settings_name(data) -> None:
    (data / "my_hba").write_text("")
    (data / "postgresql.conf").write_text(f"hba_file = '{data}/my_hba'\nident_file = my_ident\n")
    (data / "postgresql.auto.conf").unlink()
    assert of_directory(data).hba == []
    assert of_directory(data).ident == []  # there is none, and a server comes up without
    assert len(of_directory(data, ident_file=data / "pg_ident.conf").ident) == 1


def test_a_configuration_elsewhere(data, tmp_path_factory) -> None:
    moved = tmp_path_factory.mktemp("etc") / "my.conf"
    (data / "postgresql.conf").rename(moved)
    (moved.parent / "more.conf").write_text("")
    assert settings(of_directory(data, moved))[0] == ("my.conf", "ssl", "on")


def test_what_the_server_would_refuse_is_read(data) -> None:
    (data / "postgresql.conf").write_text("port 'x\n")
    (data / "pg_hba.conf").write_text("nonsense\n")
    found = of_directory(data)
    assert next(each.problem for each in found.settings or ()) == "syntax error"
    assert found.hba[0].line.words == ("nonsense",)


def test_the_same_files_as_the_server_says(pg_files: Cluster) -> None:
    moved = pg_files.directory / "hba"
    moved.write_text("local all all peer\n")
    with (pg_files.data_dir / "postgresql.conf").open("a") as config:
        config.write(f"hba_file = '{moved}'\nident_file = 'sub/../pg_ident.conf'\n")
    (pg_files.data_dir / "sub").mkdir()
    (pg_files.data_dir / "pg_ident.conf").write_text("m a b\n")
    (pg_files.data_dir / "postgresql.auto.conf").write_text("port = 5001\n")
    (pg_files.data_dir / "postmaster.opts").write_text('postgres "-c" "log_connections=on"\n')
    asked, found = DataDir.open(pg_files.data_dir), of_directory(pg_files.data_dir)
    assert {each.path for each in found.hba} == {str(asked.hba_file)}
    assert {each.path for each in found.ident} == {str(asked.ident_file)}
    values = {name: value for _, name, value in settings(found)}
    for name in ("port", "log_connections", "datestyle"):
        assert values[name].lower() == asked.setting(name).lower()


@pytest.mark.parametrize("name", ["pg_hba.conf", "postgresql.conf"])
def test_a_file_that_is_not_there(data, name) -> None:
    (data / name).unlink()
    with pytest.raises(InvalidInputError, match=re.escape(name)):
        of_directory(data)


@pytest.mark.parametrize("named", ["hba", "ident", "conf"])
def test_a_file_that_may_not_be_read(tmp_path, monkeypatch, named) -> None:
    files = {name: tmp_path / name for name in ("hba", "ident", "conf")}
    for path in files.values():
        path.write_text("")
    read = system_files.read_regular

    def denied(path: Path) -> bytes:
        if path.name == named:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return read(path)

    monkeypatch.setattr(system_files, "read_regular", denied)
    with pytest.raises(InvalidInputError, match=f"cannot read .*{named}: permission") as caught:
        of_names(files["hba"], Abilities(16), files["ident"], files["conf"])
    assert "sudo -u postgres" in (caught.value.hint or "")


def test_names_and_comments_in_all_files(data) -> None:
    (data / "pg_hba.conf").write_text("include more_hba # pgward-ignore HBA001: of none\n")
    (data / "more_hba").write_text("local all all trust # pgward-ignore HBA013: mine\n")
    (data / "more.conf").write_text("ssl = off # pgward-ignore HBA012: a test\n")
    found = of_names(
        data / "pg_hba.conf", Abilities.of(16), data / "pg_ident.conf", data / "postgresql.conf"
    )
    assert [(each.rules, each.reason) for each in found.ignores] == [
        (("HBA001",), "of none"),
        (("HBA013",), "mine"),
        (("HBA012",), "a test"),
    ]
    assert len(found.settings or ()) == 3
    assert of_names(data / "pg_ident.conf", Abilities.of(11)).settings is None
    with pytest.raises(InvalidInputError, match="there is no /none"):
        of_names(data / "pg_hba.conf", Abilities.of(11), config=Path("/none"))
