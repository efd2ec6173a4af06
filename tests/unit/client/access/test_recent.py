import json

import click
import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.client.access import recent
from pgward.system.files import StorageError
from tests.fixtures.asked import ID, offer, request


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PGWARD_HOME", str(tmp_path))
    return tmp_path


def words(complete, incomplete=""):
    return [each.value for each in complete(None, None, incomplete)]


def test_what_the_ca_said_is_completed_the_newest_first():
    recent.remember([request(id="a1"), request(id="b2", user="bob")])
    recent.remember([request(id="b3")], [offer()])
    assert words(recent.complete_id) == ["b3", "a1", "b2"]
    assert words(recent.complete_id, "b") == ["b3", "b2"]
    assert recent.complete_id(None, None, "b2")[0].help == "bob: shop"
    assert words(recent.complete_service) == ["shop"]
    assert words(recent.complete_service, "x") == []


def test_the_services_that_one_has_are_completed_too(home):
    recent.remember(offers=[offer()])
    (home / "services.json").write_text(json.dumps({"services": [{"name": "orders"}]}))
    assert words(recent.complete_service) == ["orders", "shop"]


def test_so_many_are_kept_and_not_more():
    recent.remember(request(id=f"id{number}") for number in range(500))
    assert len(words(recent.complete_id)) == 200
    assert words(recent.complete_id)[0] == "id0"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"requests": [], "services": []}', '{"requests": {}, "services": 1}']
)
def test_a_damaged_file_completes_nothing_and_is_written_anew(home, text):
    (home / recent.FILE).write_text(text)
    assert words(recent.complete_id) == []
    recent.remember([request()])
    assert words(recent.complete_id) == [ID]


def test_nothing_that_a_shell_could_trip_over_is_completed():
    recent.remember([request(id="$(reboot)"), request(id="a b"), request(id="ok-1")])
    assert words(recent.complete_id) == ["ok-1"]


def test_bundles_and_roles_are_those_of_the_service_that_was_named():
    other = offer(service="stock", bundles=[{"name": "all"}], roles=["a b", "$(x)", "r"])
    recent.remember(offers=[offer(), offer(bundles=[{"name": "shop-writing"}]), other])
    context = click.Context(click.Command("request"))
    bundles = recent.completer("bundles")
    assert [each.value for each in bundles(context, None, "")] == [
        *("all", "shop-reading", "shop-writing"),
    ]
    context.params["service"] = "stock"
    assert [each.value for each in bundles(context, None, "")] == ["all"]
    assert [each.value for each in recent.completer("roles")(context, None, "")] == ["r"]


def test_what_is_known_already_is_not_written_again(home):
    recent.remember([request()])
    before = (home / recent.FILE).stat().st_ino
    recent.remember([request()])
    assert (home / recent.FILE).stat().st_ino == before


def test_a_home_that_takes_no_file_is_said_and_no_hindrance(monkeypatch, capsys):
    def full(*_words):
        raise StorageError("cannot write requests.json: no space left on device")

    monkeypatch.setattr(recent, "atomic_write", full)
    recent.remember([request()])
    assert "no space left on device; the shell will not" in capsys.readouterr().err


def test_the_shell_completes_ids_and_services():
    recent.remember([request()], [offer()])
    for line, wanted in (
        ("pgward approve 4f", ID),
        ("pgward request s", "shop"),
        ("pgward request shop --bundle sh", "shop-reading"),
        ("pgward request --role r", "reporting"),
    ):
        environment = {
            "_PGWARD_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        }
        done = CliRunner().invoke(cli, [], prog_name="pgward", env=environment)
        assert done.stdout.split(",")[-1].strip() == wanted
