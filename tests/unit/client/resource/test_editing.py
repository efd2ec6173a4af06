import stat
import sys

import pytest

from pgward.client.failures import FieldsError
from pgward.client.resource import editing
from pgward.core.errors import InvalidInputError
from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error

PATH = "/v1/resources/service/a"
REAL = "/v1/resources/Service/a"


def service(version=2, database="x", by="root"):
    return {
        "kind": "Service",
        "metadata": {"name": "a", "description": "", "version": version, "updatedBy": by},
        "spec": {"database": database},
    }


@pytest.fixture
def stored(fake_ca):
    """A service in version 2, which can be changed."""
    fake_ca.routes[f"GET {PATH}"] = fake_ca.routes[f"GET {REAL}"] = {"resource": service()}
    fake_ca.routes[f"PUT {REAL}"] = {"change": "updated", "notes": ["look out"]}
    return fake_ca


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """Be an editor that runs these lines of Python in turn, with the file's text as `text`."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)
    seen = tmp_path / "seen"
    seen.mkdir()

    def make(*steps):
        script = tmp_path / "editor.py"
        script.write_text(
            f"import sys, pathlib\nsteps = {list(steps)!r}\n"
            f"seen = pathlib.Path({str(seen)!r})\nnumber = len(list(seen.iterdir()))\n"
            "path = pathlib.Path(sys.argv[1])\ntext = path.read_text()\n"
            "(seen / str(number)).write_text(text)\n"
            "names = {'text': text}\nexec(steps[min(number, len(steps) - 1)], names)\n"
            "path.write_text(names['text'])\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
        return lambda: [each.read_text() for each in sorted(seen.iterdir())]

    return make


def left(tmp_path):
    return list(tmp_path.glob("pgward-edit-*/*"))


def test_what_is_saved_is_applied_with_the_version_it_began_with(
    logged_in, stored, editor, tmp_path
):
    seen = editor("text = text.replace('x', 'y')")
    done = logged_in("edit", "service", "a", "-m", "TICKET-7")
    assert (done.stdout, done.stderr) == ("Service a updated\n", "look out\n")
    assert body(stored) == {
        "kind": "Service",
        "metadata": {"name": "a", "version": 2},
        "spec": {"database": "y"},
    }
    assert stored.requests[-1].url.query == b"reason=TICKET-7"
    assert seen()[0].startswith("#: change what you like, save, and leave the editor;")
    assert left(tmp_path) == []


@pytest.mark.parametrize("step", ["pass", "text = ''", "text = '#: only this\\n'"])
def test_nothing_is_sent_when_nothing_is_changed(logged_in, stored, editor, tmp_path, step):
    editor(step)
    done = logged_in("edit", "service", "a")
    assert (done.exit_code, done.stdout) == (0, "Service a unchanged\n")
    assert (stored.calls, left(tmp_path)) == ([f"GET {PATH}"], [])


def test_what_is_wrong_stands_on_top_and_the_editor_opens_again(logged_in, stored, editor):
    answers = iter(
        [
            error("invalid", "x", fields=[{"path": "spec.database", "message": "is wrong"}]),
            {"change": "updated"},
        ]
    )
    stored.routes[f"PUT {REAL}"] = lambda _: next(answers)
    seen = editor("text = text.replace('x', 'bad')", "text = text.replace('bad', 'good')")
    assert logged_in("edit", "service", "a").stdout == "Service a updated\n"
    again = seen()[1]
    assert again.startswith("#: spec.database: is wrong\n#: change")
    assert "database: bad" in again
    assert body(stored)["spec"] == {"database": "good"}


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("text += 'a: [\\n'", "the file:"),
        ("text = text.replace('name: a', 'name: b')", "this must be Service a, and nothing else"),
        ("text += '---\\nkind: Service\\nmetadata: {name: z}\\n'", "this must be Service a"),
    ],
)
def test_what_is_no_resource_or_another_one_is_not_sent(logged_in, stored, editor, bad, problem):
    seen = editor(bad, "text = ''")
    assert logged_in("edit", "service", "a").exit_code == 0
    assert problem in seen()[1].splitlines()[0]
    assert stored.calls == [f"GET {PATH}"]


def test_who_gives_up_keeps_what_was_typed(logged_in, stored, editor, tmp_path):
    stored.routes[f"PUT {REAL}"] = error("invalid", "too much of it")
    editor("text = text.replace('x', 'bad')", "pass")
    done = logged_in("edit", "service", "a")
    (path,) = left(tmp_path)
    assert "database: bad" in path.read_text()
    assert done.exit_code == 2
    assert f"nothing was changed; your file is {path}" in done.stderr


def test_a_failure_keeps_what_was_typed(logged_in, stored, editor, tmp_path):
    stored.routes[f"PUT {REAL}"] = error("unavailable", "the store is away")
    editor("text = text.replace('x', 'y')")
    done = logged_in("edit", "service", "a")
    assert (done.exit_code, len(left(tmp_path))) == (1, 1)
    assert "hint: correct it, then pgward apply -f" in done.stderr


MINE = (
    "text = text.replace('database: x', 'database: mine')",
    "text = ''.join(each for each in text.splitlines(True) if 'without this line' not in each)",
)


def test_somebody_elses_change_is_shown_and_then_replaced_knowingly(logged_in, stored, editor):
    def put(sent):
        if sent["metadata"]["version"] == 3:
            return {"change": "updated"}
        stored.routes[f"GET {REAL}"] = {"resource": service(3, "hers", by="ann")}
        return error("conflict", "Service 'a' was changed by ann: it has version 3, not 2")

    stored.routes[f"PUT {REAL}"] = put
    seen = editor("text = text.replace('database: x', 'database: mine')", "text += '# seen\\n'")
    assert logged_in("edit", "service", "a").stdout == "Service a updated\n"
    again = seen()[1]
    assert "#: ann changed this since; without this line, yours replaces it:\n" in again
    assert "#: -  database: x\n#: +  database: hers\n" in again
    assert "version: 3" in again
    assert body(stored)["spec"] == {"database": "mine"}


def test_an_editor_that_fails_changes_nothing(logged_in, stored, editor, tmp_path):
    editor("raise SystemExit(3)")
    done = logged_in("edit", "service", "a")
    assert (done.exit_code, "the editor ended with status 3" in done.stderr) == (2, True)
    assert len(left(tmp_path)) == 1
    assert stored.calls == [f"GET {PATH}"]


@pytest.mark.usefixtures("stored", "editor")
def test_an_editor_that_is_not_there_is_named(logged_in, monkeypatch, tmp_path):
    monkeypatch.setenv("EDITOR", str(tmp_path / "none"))
    done = logged_in("edit", "service", "a")
    assert (done.exit_code, left(tmp_path)) == (2, [])
    assert "the editor cannot be started: no such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, ["vi"]),
        ({"EDITOR": "nano -w"}, ["nano", "-w"]),
        ({"EDITOR": "a", "VISUAL": "'b c' d"}, ["b c", "d"]),
        ({"EDITOR": " "}, ["vi"]),
    ],
)
def test_the_editor_is_a_command(environ, words):
    assert editing.editor(environ) == words


def test_an_editor_that_is_no_command_is_refused():
    with pytest.raises(InvalidInputError, match="is no command"):
        editing.editor({"EDITOR": "'"})


def test_problems_are_lines_that_stay_comments():
    wrong = FieldsError("x", (("spec.a", "is\nwrong"), ("spec.b", "is wrong")))
    assert editing.header(editing.problems_of(wrong)) == (
        "#: spec.a: is\\nwrong\n#: spec.b: is wrong\n"
    )
    assert editing.problems_of(InvalidInputError("a\nb", hint="c")) == ["a", "b", "c"]
