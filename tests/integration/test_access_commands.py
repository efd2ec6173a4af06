"""People ask for access and decide about it with the commands, at a real CA."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures.ca import Person, Site, environment
from tests.fixtures.edge_process import eventually
from tests.fixtures.warm import Pgward

pytestmark = pytest.mark.integration


@dataclass
class Desk:
    """A service that nobody has, who may ask for it, and who decides."""

    site: Site
    service: str
    asker: Person
    owner: Person

    def ask(self, *words: object) -> dict[str, Any]:
        """Have the asker ask; return the request."""
        words = ("request", self.service, "--for", "1h", "--reason", "T-7: wrong totals", *words)
        made: dict[str, Any] = json.loads(self.asker.ok(*words, "-o", "json"))
        return made

    def names(self) -> list[str]:
        """Return the services that the asker has."""
        return [each["name"] for each in self.asker.data("services")]


@pytest.fixture
def desk(site) -> Callable[..., Desk]:
    """Make a service and its flow; ``spec`` is more of the flow's."""

    def desk(**spec: Any) -> Desk:
        asker, owner = site.person(word="ann"), site.person(word="bob")
        service = site.service()
        whole = {
            "services": [service],
            "who": {"users": [asker.name]},
            "maxDuration": "4h",
            "approvals": [{"users": [owner.name, asker.name]}],
            **spec,
        }
        body = {"kind": "AccessFlow", "metadata": {"name": site.unique("flow")}, "spec": whole}
        done = site.admin.run("apply", "-f", "-", stdin=json.dumps(body))
        assert done.returncode == 0, done.stderr
        return Desk(site, service, asker, owner)

    return desk


def test_a_service_is_asked_for_used_and_given_back(desk):
    it = desk()
    refused = it.asker.run("psql", it.service, "-c", "select 1")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"pgward: you have no access to {it.service} now, and may ask for it\n"
        f"hint: pgward request {it.service} --for 1h --reason 'TEXT'\n"
    )

    asked = it.ask()
    short = asked["id"][:8]
    assert (asked["state"], asked["seconds"]) == ("pending", 3600)
    assert [each["id"] for each in it.owner.data("requests", "--to-decide")] == [asked["id"]]

    own = it.asker.run("approve", short, "--yes")
    assert (own.returncode, own.stderr) == (3, "pgward: nobody decides about their own request\n")
    done = it.owner.run("approve", short, "--yes", "--reason", "as agreed")
    assert done.returncode == 0, done.stderr
    (grant,) = it.asker.data("access")
    assert (grant["request"], grant["state"]) == (asked["id"], "active")
    assert it.service in it.names()
    assert it.asker.run("revoke", short).returncode == 0
    assert it.service not in it.names()


@pytest.mark.soak
def test_a_review_ends_what_somebody_has(desk):
    it = desk(approvals=[])
    it.ask()
    assert it.service in it.names()
    name, admin = it.site.unique("review"), it.site.admin
    words = ("start", name, "--service", it.service, "--path", "grant", "--path", "flow")
    assert admin.run("access", "review", *words).returncode == 0
    shown = admin.data("access", "review", "show", name)
    rights = {each["path"]: each["number"] for each in shown["items"]}
    assert shown["review"]["yours"] == len(rights) == 2
    unseen = it.asker.run("access", "review", "confirm", name, "1")
    assert (unseen.returncode, unseen.stderr.splitlines()[0]) == (
        1,
        f"pgward: there is no review '{name}' for you",
    )
    ended = admin.run("access", "review", "end", name, str(rights["grant"]), "--yes")
    assert ended.returncode == 0, ended.stderr
    assert it.service not in it.names()
    closed = json.loads(admin.ok("access", "review", "close", name, "-o", "json"))
    assert closed["review"]["counts"] == {
        "open": 1,
        "confirmed": 0,
        "ended": 1,
        "noted": 0,
        "gone": 0,
    }


@pytest.mark.soak
def test_more_time_is_asked_for_and_the_story_told(desk):
    it = desk(extend={"maxTotal": "8h"})
    asked = it.ask()
    assert it.owner.run("approve", asked["id"], "--yes", "--reason", "fine").returncode == 0
    (grant,) = it.asker.data("access")
    words = ("extend", asked["id"][:8], "--for", "2h", "--reason", "not done yet", "-o", "json")
    new = json.loads(it.asker.ok(*words))
    assert (new["state"], new["extends"]) == ("pending", asked["id"])
    assert it.owner.run("approve", new["id"], "--yes").returncode == 0
    (longer_grant,) = it.asker.data("access")
    assert longer_grant["until"] > grant["until"]
    shown = it.asker.ok("requests", "show", asked["id"][:8])
    assert f"{it.asker.name} asked: T-7: wrong totals" in shown
    assert f"{it.owner.name} approved: fine" in shown


@pytest.mark.soak
def test_what_was_taken_back_is_over_and_who_waits_hears_of_the_denial(desk):
    it = desk()
    first = it.ask()["id"]
    assert it.asker.run("cancel", first).returncode == 0
    late = it.owner.run("approve", first, "--yes")
    assert (late.returncode, late.stderr.splitlines()[0]) == (
        1,
        "pgward: the request is cancelled already",
    )
    words = ["request", it.service, "--for", "1h", "--reason", "x", "--wait"]
    pipe = subprocess.PIPE
    environ = environment(it.asker.home)
    with Pgward(words, stdout=pipe, stderr=pipe, text=True, env=environ) as waiting:
        eventually(lambda: it.owner.data("requests", "--to-decide"))
        (asked,) = it.owner.data("requests", "--to-decide")
        assert it.owner.run("deny", asked["id"], "--reason", "not today").returncode == 0
        _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 3
    assert f"{it.owner.name} denied your request: not today" in said


@pytest.mark.soak
def test_two_have_to_approve(desk, site):
    second = site.person(word="carol")
    it = desk(approvals=[{"users": [second.name]}, {"groups": ["administrators"]}])
    asked = it.ask()
    done = second.run("approve", asked["id"], "--yes")
    assert done.returncode == 0, done.stderr
    assert "which still waits for " in done.stderr
    assert it.asker.data("access") == []
    assert site.admin.run("approve", asked["id"], "--yes").returncode == 0
    assert len(it.asker.data("access")) == 1


@pytest.mark.soak
def test_a_glass_is_broken_and_somebody_looks_at_it_afterwards(desk, site):
    group = site.unique("sre")
    member = site.person(group)
    it = desk(breakGlass={"who": {"groups": [group]}, "maxDuration": "30m"})
    words = ("request", it.service, "--for", "30m", "--break-glass")
    refused = member.run(*words)
    assert (refused.returncode, refused.stderr) == (
        2,
        f"pgward: {it.service} asks for a reason\nhint: --reason 'TEXT'\n",
    )
    done = member.run(*words, "--reason", "fire")
    assert done.returncode == 0, done.stderr
    (grant,) = member.data("access")
    assert (grant["break_glass"], grant["state"]) == (True, "active")
    noted = it.owner.run("requests", "acknowledge", grant["request"], "--reason", "it burnt")
    assert noted.returncode == 0, noted.stderr
    shown = it.owner.data("requests", "show", grant["request"])
    assert shown["acknowledged_by"] == it.owner.name
