import pytest

from pgward.hba.syntax.files import (
    FileProblemError,
    Placed,
    access_lines,
    resolved,
    settings_in,
)
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.versions import Abilities


class Tree:
    """Files by path."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> bytes:
        if any(each.startswith(f"{path}/") for each in self.files):
            raise FileProblemError(f"{path}: a directory", missing=False, directory=True)
        if path not in self.files:
            raise FileProblemError(f"{path}: no such file", missing=True)
        return self.files[path].encode()

    def names(self, directory: str) -> list[str]:
        found = [path.rpartition("/") for path in self.files]
        names = [name for parent, _, name in found if parent == directory]
        if not names:
            raise FileProblemError(f"{directory}: no such directory", missing=True)
        return names


def lines(version: int, **files: str) -> list[Placed]:
    tree = Tree({f"/d/{name.replace('__', '/')}": text for name, text in files.items()})
    return access_lines("/d/hba", tree, Abilities.of(version))


def told(found: list[Placed]) -> list[str]:
    return [
        f"{each.at(each.problem)}: {each.problem.message}" if each.problem else str(each.place)
        for each in found
    ]


def test_files_of_words_stand_where_they_are_named() -> None:
    words = {"dbs": "a, b # c\n'c'\n@more", "more": '"d e"', "none": "# nobody"}
    (line,) = lines(11, hba="host @dbs,x @none +y all md5\n", **words)
    assert [[token.text for token in field] for field in line.fields] == [
        ["host"],
        ["a", "b", "'c'", "d e", "x"],
        ["+y"],
        ["all"],
        ["md5"],
    ]


def test_a_file_of_words_that_is_not_there_refuses_its_line() -> None:
    found = lines(15, hba="\nhost all a,@none all md5\n")
    assert told(found) == ["/d/hba:2:12: /d/none: no such file"]


def test_includes_from_16_on() -> None:
    files = {
        "hba": 'include sub__a\n"include_if_exists" none\ninclude_dir sub\nlocal all all peer\n',
        "sub__a": "local a a peer\n",
        "sub__b.conf": "local b b peer\n",
        "sub__A.conf": "include ../other\n",
        "sub__.c.conf": "nothing",
        "other": "\nlocal o o peer\n",
    }
    files = {name: text.replace("__", "/") for name, text in files.items()}
    assert told(lines(16, **files)) == [
        "/d/sub/a:1",
        "/d/other:2",
        "/d/sub/b.conf:1",
        "/d/hba:4",
    ]
    assert told(lines(15, **files)) == ["/d/hba:1", "/d/hba:2", "/d/hba:3", "/d/hba:4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include none", "/d/hba:1:9: /d/none: no such file"),
        ("include_dir none", "/d/hba:1:13: /d/none: no such directory"),
        ('include_dir " "', "/d/hba:1:13: the name of what is included is empty"),
    ],
)
def test_what_cannot_be_included(text, message) -> None:
    assert told(lines(18, hba=text)) == [message]


@pytest.mark.parametrize("text", ["include sub\n", "include_if_exists sub\n", 'include ""\n'])
def test_a_directory_in_a_file_s_place_says_nothing(text) -> None:
    """It opens, and then cannot be read, which the server's log alone tells."""
    files = {"sub__x": "", "hba": f"{text}local all all peer\n"}
    assert told(lines(16, **files)) == ["/d/hba:2"]


def test_a_directory_of_names_was_refused_before_14() -> None:
    files = {"sub__x": "", "hba": "local all a,@sub peer\n"}
    assert told(lines(13, **files)) == ["/d/hba:1:13: /d/sub: a directory"]
    (line,) = lines(14, **files)
    assert [token.text for token in line.fields[2]] == ["a"]


def test_files_that_include_each_other_end() -> None:
    found = told(lines(16, hba="include hba\n"))
    assert found == ["/d/hba:1:9: /d/hba: files include files too deeply"]
    (line,) = lines(11, hba="host @hba all all md5\n")
    assert line.problem is not None


def test_old_versions_refuse_long_words_and_lines() -> None:
    word = "host " + "a" * 256 + " all all md5\n"
    assert told(lines(13, hba=word)) == ["/d/hba:1:6: a word of more than 255 bytes"]
    assert told(lines(14, hba=word)) == ["/d/hba:1"]
    assert "8190 bytes" in told(lines(13, hba="host a " + " " * 8200 + "all all md5"))[0]


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(FileProblemError):
        lines(15)


def test_settings_in_their_order() -> None:
    tree = Tree(
        {
            "/d/conf": "a = 1\ninclude 'sub/x.conf'\nInclude_Dir = sub\n"
            "include_if_exists no\nb =\n",
            "/d/sub/x.conf": "a = 2\n",
            "/d/sub/y.conf": "include 'z'\n",
            "/d/sub/y": "a = 4\n",
        }
    )
    found = [
        (str(each.place), each.setting.value if each.setting else each.problem)
        for each in settings_in("/d/conf", tree)
    ]
    assert found == [
        ("/d/conf:1:1", "1"),
        ("/d/sub/x.conf:1:1", "2"),
        ("/d/sub/x.conf:1:1", "2"),
        ("/d/sub/y.conf:1:9", "/d/sub/z: no such file"),
        ("/d/conf:5:4", "syntax error"),
    ]


def test_names_are_relative_to_the_file_that_includes() -> None:
    assert resolved("../x", "/a/b/c") == "/a/x"
    assert resolved("/x", "/a/b/c") == "/x"


def test_a_place_counts_the_fields_that_are_written() -> None:
    (line,) = lines(15, hba="host @none a b all md5\n", none="")
    assert str(line.at(BadLineError("x", 1))) == "/d/hba:1:12"
    assert str(line.at(BadLineError("x", 5))) == "/d/hba:1:23"
    assert lines(15, hba="@none\n", none="") == []


def test_settings_that_include_their_own_file() -> None:
    tree = Tree({"/d/conf": "a = 1\ninclude 'conf'\n", "/d/other": "include 'conf'\n"})
    found = [str(each.problem or each.place) for each in settings_in("/d/other", tree)]
    assert found == ["/d/conf:1:1", "/d/conf: it includes itself"]


def test_settings_that_need_not_be_there_need_not_be_readable() -> None:
    class Locked(Tree):
        def read(self, path: str) -> bytes:
            if path == "/d/locked":
                raise FileProblemError("permission denied", missing=False)
            return super().read(path)

    tree = Locked({"/d/conf": "include_if_exists 'locked'\ninclude 'locked'\na = 1\n"})
    found = [str(each.problem or each.place) for each in settings_in("/d/conf", tree)]
    assert found == ["permission denied", "/d/conf:3:1"]
