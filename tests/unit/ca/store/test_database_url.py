import pytest

from pgward.ca.store import database_url
from pgward.core.errors import InvalidInputError, NotFoundError


def test_a_url_or_a_file_or_nothing(tmp_path):
    file = tmp_path / "url"
    file.write_text("postgresql://u:secret@h/d\nmore\n")
    file.chmod(0o600)
    assert database_url.chosen(None, None) is None
    assert database_url.chosen("postgresql://u@h/d", None) == "postgresql://u@h/d"
    assert database_url.chosen(None, str(file)) == "postgresql://u:secret@h/d"
    with pytest.raises(InvalidInputError, match="exclude each other"):
        database_url.chosen("postgresql://u@h/d", str(file))


def test_a_password_on_the_command_line_is_refused():
    with pytest.raises(InvalidInputError, match="seen by everyone") as caught:
        database_url.chosen("postgresql://u:secret@h/d", None)
    assert "pgpass" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"\n", 0o600, "the first line is empty"),
        (b"\xff\xfe", 0o600, "is not text"),
        (b"postgresql://h/d", 0o644, "everyone on this machine may read"),
    ],
)
def test_a_file_that_will_not_do(tmp_path, content, mode, said):
    file = tmp_path / "url"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(InvalidInputError, match=said):
        database_url.chosen(None, str(file))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError, match="there is no database URL file"):
        database_url.chosen(None, str(tmp_path / "absent"))
    with pytest.raises(InvalidInputError, match="cannot be read"):
        database_url.chosen(None, str(tmp_path))
