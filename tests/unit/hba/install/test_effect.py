import pytest

from pgward.hba.install import effect as module
from pgward.hba.install.change import Edit
from pgward.hba.install.contents import plan_contents
from pgward.hba.install.effect import effect_of
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir


@pytest.fixture
def found(pg_files) -> DataDir:
    found = DataDir.open(pg_files.data_dir)
    with found.config_file.open("a") as file:
        file.write("listen_addresses = '*'\n")
    return found


def test_what_a_plan_means(found) -> None:
    found.hba_file.write_text("local all all peer\nhost shop app 10.0.0.0/8 md5\n")
    edits = plan_contents(found, Plan()).edits
    effect = effect_of(found, edits)
    assert effect.lines() == [
        "who gains or loses a way in:",
        (
            "  gains: app, (any other role) into every database, network with TLS from anywhere: "
            "certificate"
        ),
        (
            "  gains: app, (any other role) into every database, loopback with TLS from "
            "127.0.0.0/8, ::1/128: certificate"
        ),
        "  loses: app into shop, network without TLS from 10.0.0.0/8: md5",
    ]
    assert [each["effect"] for each in effect.document()["changes"]] == ["gains", "gains", "loses"]
    for edit in edits:
        edit.path.write_bytes(edit.after)
    assert effect_of(found, plan_contents(found, Plan()).edits).lines() == []


def test_of_many_the_first_are_shown(found, monkeypatch) -> None:
    monkeypatch.setattr(module, "_MOST_SHOWN", 2)
    lines = effect_of(found, plan_contents(found, Plan()).edits).lines()
    assert len(lines) == 3
    assert lines[-1].endswith("more: -o json has them all")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"host all all 10.0.0.0/8 magic\n", "is no authentication method"),
        (b"local all all peer\n" * 5000, "more than 5000 rules"),
        (b"local all @none peer\n", "none"),
    ],
)
def test_what_cannot_be_told(found, text, said) -> None:
    before = found.hba_file.read_bytes()
    effect = effect_of(found, [Edit(found.hba_file, before, text)])
    assert said in effect.untold
    assert "cannot be told" in effect.lines()[0]
    assert effect.document() == {"changes": None, "untold": effect.untold}


def test_own_addresses_are_asked_for_when_they_count(found, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(type(found.access), "interfaces", lambda _: asked.append(1) or ())
    before = found.hba_file.read_bytes()
    effect_of(found, [Edit(found.hba_file, before, b"local all all peer\n")])
    assert asked == []
    effect_of(found, [Edit(found.hba_file, before, b"host all all samenet md5\n")])
    assert asked == [1]
