import re
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from pgward.ca.identity import directory, invitations
from pgward.ca.identity.directory import NewUser
from pgward.ca.keys.sealing import Sealer
from pgward.ca.notices.notice import Kind
from pgward.ca.notices.queueing import queue
from pgward.ca.notices.upkeep import linker, open_channels, table
from pgward.ca.settings import Settings
from pgward.ca.store.schema_notices import notices
from tests.fixtures.notices import ID, NOW, facts

SEALER = Sealer(b"s" * 32)
ALL = """
[ca]
url = "https://ca.example.com:8443"
[notify.smtp]
server = "localhost:25"
sender = "a@b"
[notify.webhook]
url = "https://h"
secret_file = "s"
[notify.slack]
url_file = "u"
"""


class Clock:
    moment = NOW

    def now(self):
        return self.moment


def settings(text="", **notify):
    lines = "\n".join(f"{key} = {value}" for key, value in notify.items())
    return Settings.parse(f"[notify]\n{lines}\n{text}")


def test_each_channel_has_a_job_of_its_own(store):
    jobs = table(Settings.parse(ALL), Path(), store, Clock(), sealer=SEALER, write=store.write)
    names = ["notices", "old notices", "notices: email", "notices: webhook", "notices: slack"]
    assert [each.name for each in jobs] == names
    assert all(each.leader_only for each in jobs)
    assert open_channels(Settings(), Path(), Clock()) == []


@pytest.mark.parametrize(
    ("notify", "url", "expected"),
    [
        ({}, "https://ca.example.com", ("https://ca.example.com", False)),
        ({"links": '"mail"'}, "https://ca.example.com", ("https://ca.example.com", True)),
        ({"links": '"mail"'}, "https://10.0.0.1:8443", ("https://10.0.0.1:8443", True)),
        ({}, "https://10.0.0.1:8443", None),
        ({"links": '"off"'}, "https://ca.example.com", None),
    ],
)
def test_links_are_made_where_they_can_work(notify, url, expected):
    made = linker(settings(f'[ca]\nurl = "{url}"', **notify), SEALER)
    assert (made and (made.origin, made.personal_only)) == expected
    assert linker(settings(**notify), None) is None


def test_links_point_to_the_login_page_and_last_as_long_as_settings_say():
    made = linker(settings('[login]\npage_url = "https://login.example.com"', link_hours=3), SEALER)
    assert (made.origin, made.lifetime) == ("https://login.example.com", timedelta(hours=3))


def test_a_notice_becomes_an_email(store, mail_server):
    toml = f"""[notify.smtp]
server = "{mail_server.address}"
sender = "pgward <access@example.com>"
ca_file = "{mail_server.ca}"
"""
    with store.write() as transaction:
        directory.add(transaction, NewUser("bob", email="bob@x.de"), now=NOW, by="t")
        queue(transaction, Kind.ASKED, "r7k2", ["bob"], facts(), now=NOW)
    jobs = table(Settings.parse(toml), Path(), store, Clock(), sealer=SEALER, write=store.write)
    for job in jobs:
        job.run()
    (got,) = mail_server.mails
    assert got["Subject"] == "[pgward] ana asks for access to shop"
    assert "https://localhost:8443/decide?link=" in got.get_body(["plain"]).get_content()


def test_an_invitation_becomes_an_email_with_its_link(store, mail_server):
    toml = f"""[ca]
url = "https://10.0.0.1:8443"
[notify]
links = "off"
[notify.smtp]
server = "{mail_server.address}"
sender = "pgward <access@example.com>"
ca_file = "{mail_server.ca}"
"""
    with store.write() as transaction:
        directory.add(transaction, NewUser("bob", email="bob@x.de"), now=NOW, by="t")
        until = facts(until=NOW + timedelta(days=1))
        queue(transaction, Kind.INVITED, ID, ["bob"], until, now=NOW)
    jobs = table(Settings.parse(toml), Path(), store, Clock(), sealer=SEALER, write=store.write)
    for job in jobs:
        job.run()
    (got,) = mail_server.mails
    text = got.get_body(["plain"]).get_content()
    (link,) = re.findall(r"https://10\.0\.0\.1:8443/welcome\?invitation=(\S+)", text)
    assert invitations.id_of(SEALER, link) == ID
    with store.read() as connection:
        assert link not in str(connection.execute(sa.select(notices)).all())
