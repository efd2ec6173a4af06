import json
import os
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.core.address import Address
from pgward.demo import hold
from pgward.demo.errors import DemoError
from pgward.demo.layout import Layout
from pgward.demo.story import Story

KEYS = [
    *("ca_url", "fingerprint", "home", "admin_home", "user", "password_file", "service", "edge"),
    *("tunnel", "upstream", "conninfo", "server_name"),
]


class Ended(BaseException):
    """Stands for the signal that ends a held demo."""


def server(name, output=None):
    return SimpleNamespace(
        name=name, output=output, process=SimpleNamespace(wait=lambda: -9), command=f"run {name}"
    )


@pytest.fixture
def site():
    return SimpleNamespace(
        authority=SimpleNamespace(url="https://ca", fingerprint="SHA256:ab", server=server("ca")),
        edge=SimpleNamespace(address=Address("127.0.0.1", 7), server=server("edge")),
        tunnel=SimpleNamespace(
            address=Address("127.0.0.1", 6), conninfo="host=db x='1'", server=server("tunnel")
        ),
        cluster=SimpleNamespace(host="127.0.0.1", port=5, data_dir=Path("/pg/data")),
        native="host=native",
    )


def test_programs_are_told_where_everything_is(site, tmp_path):
    found = hold.facts(Layout(tmp_path), site)
    assert list(found) == KEYS
    assert found["edge"] == "127.0.0.1:7"
    assert found["tunnel"] == {"host": "127.0.0.1", "port": 6}
    assert found["upstream"] == {"host": "127.0.0.1", "port": 5, "data_dir": "/pg/data"}
    assert found["home"] == str(tmp_path / "home")


def test_people_get_lines_that_a_shell_understands(site):
    lines = hold.commands(Layout(Path("/with space")), site)
    assert lines[0] == """conninfo='host=db x='"'"'1'"'"''"""
    assert "export PGWARD_TOKEN_STORE=file PGWARD_HOME='/with space/home'" in lines
    assert "pgward ca log verify '/with space/ca'" in lines
    assert "xdg-open https://ca" in lines
    assert "cat '/with space/admin-password'  # admin's password" in lines


def test_the_file_is_private_and_there_before_it_waits(site, tmp_path, monkeypatch):
    layout, ended = Layout(tmp_path), []

    def wait(*_):
        raise Ended

    monkeypatch.setattr(hold, "_watch", wait)
    crew = SimpleNamespace(stop=ended.append)
    asked = []
    with ExitStack() as stack:
        person = lambda *arguments: asked.append(arguments)  # noqa: E731 - a stub
        shop = SimpleNamespace(layout=layout, stack=stack, crew=crew, person=person)
        with pytest.raises(Ended):
            hold.hold(shop, site, Story([].append))
        assert list(json.loads(layout.facts.read_text())) == KEYS
        assert layout.facts.stat().st_mode & 0o777 == 0o600
        assert ended == []
    assert ended == [site.tunnel.server]
    assert asked == [("disconnect", "--all")]


def test_a_tunnel_that_cannot_be_closed_does_not_stop_the_cleaning_up(site):
    def person(*_):
        raise DemoError("no")

    shop = SimpleNamespace(crew=SimpleNamespace(stop=lambda _: None), person=person)
    hold._disconnect(shop, site.tunnel.server)


def test_a_part_that_ends_is_told_with_how_to_start_it_again():
    told = []

    def say(text):
        told.append(text)
        if "run edge" in text:
            raise Ended

    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as output, pytest.raises(Ended):
        hold._watch([server("edge", output)], Story(say))
    assert told == ["the edge ended (signal 9); start it again with:", "  run edge"]


def test_how_it_ended():
    assert (hold._ending(3), hold._ending(-9)) == ("exit code 3", "signal 9")
