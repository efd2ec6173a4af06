import json

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from pgward.ca.settings import FILE, Settings
from pgward.ca.store.schema import audit_events
from pgward.cli import cli
from tests.unit.ca.notices.test_listing import fill

pytest_plugins = ["tests.fixtures.receivers"]


@pytest.fixture
def pgward(monkeypatch, tmp_path):
    """Run commands, with no fake CA in the place of what they post to."""
    monkeypatch.setenv("PGWARD_HOME", str(tmp_path / "home"))
    return lambda *given: CliRunner().invoke(cli, [str(each) for each in given], prog_name="pgward")


@pytest.fixture
def directory(store, tmp_path):  # noqa: ARG001 - it is in there
    """A CA directory with a store."""
    (tmp_path / FILE).write_text(Settings().dump())
    return tmp_path


def test_what_waits_and_what_was_given_up_is_listed(pgward, directory, store):
    fill(store, "sent", "dead", "waiting")
    done = pgward("ca", "notices", "list", directory)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        *("WHEN", "NOTICE", "REQUEST", "CHANNEL", "TO", "STATE", "TRIES", "PROBLEM")
    ]
    assert [line.split("email")[1].split() for line in lines[1:]] == [
        ["p1", "dead", "3", "why"],
        ["p2", "waiting", "3", "-"],
    ]
    done = pgward("ca", "notices", "list", directory, "--all", "-o", "json")
    assert [each["state"] for each in json.loads(done.stdout)] == ["sent", "dead", "waiting"]


def test_without_any_it_says_so(pgward, directory):
    done = pgward("ca", "notices", "list", directory)
    assert "no message waits, and none was given up" in done.stdout + done.stderr


def test_what_was_given_up_is_sent_again_and_that_is_on_record(pgward, directory, store):
    fill(store, "dead", "sent")
    done = pgward("ca", "notices", "retry", directory)
    assert (done.exit_code, done.stderr) == (
        0,
        "1 message will be sent again by `pgward ca serve`\n",
    )
    assert pgward("ca", "notices", "retry", directory).stderr.startswith("0 messages")
    with store.read() as connection:
        (event,) = connection.execute(sa.select(audit_events)).all()
    assert (event.action, event.details) == ("notice.retry", {"count": 1})


def with_channels(directory, mail_server, receiver):
    (directory / "slack.url").write_text(f"http://{receiver.address}/services/T/B/x")
    (directory / FILE).write_text(
        f"""[notify.smtp]
server = "{mail_server.address}"
sender = "pgward <access@example.com>"
ca_file = "{mail_server.ca}"
[notify.slack]
url_file = "slack.url"
"""
    )


def test_a_message_is_sent_to_try_each_channel(pgward, directory, mail_server, plain_receiver):
    with_channels(directory, mail_server, plain_receiver)
    done = pgward("ca", "notices", "test", directory, "--to", "bob@example.com")
    assert (done.exit_code, done.stderr) == (0, "email: taken\nslack: taken\n")
    assert mail_server.mails[0]["To"] == "bob@example.com"
    assert b"this is a test" in plain_receiver.requests[0][2]


def test_a_channel_that_fails_is_said(pgward, directory, mail_server, plain_receiver):
    with_channels(directory, mail_server, plain_receiver)
    plain_receiver.status = 404
    done = pgward("ca", "notices", "test", directory)
    assert done.exit_code == 1
    assert done.stderr == (
        "email: not tried: give --to ADDRESS\n"
        "slack: localhost answers with HTTP status 404\n"
        "pgward: no message went out by slack\n"
    )


def test_without_channels_and_with_a_wrong_address_nothing_is_tried(pgward, directory):
    done = pgward("ca", "notices", "test", directory)
    assert done.exit_code == 1
    assert "pgward: pgward.toml has no channel\n" in done.stderr
    done = pgward("ca", "notices", "test", directory, "--to", "nowhere")
    assert done.exit_code != 0
    assert "'nowhere' is no e-mail address" in done.stderr
