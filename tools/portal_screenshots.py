"""Take pictures of the portal's pages: ``python -m tools.portal_screenshots [--only NAME]``.

On a phone and at a desk, by day and night, of a made-up company, into docs/images/portal. Chromium
shows what the application answers in this process: no server runs, and nobody else is asked.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

from bench import portal as measured
from pgward.access.flows import Asked
from pgward.ca.access import asking
from pgward.ca.access.asking import Wish
from pgward.ca.identity import directory
from pgward.ca.identity.passwords import Passwords
from pgward.ca.recordings import keys as recording_keys
from pgward.ca.store.schema import machines, resources, users
from pgward.core.clock import SystemClock
from tests.fixtures import chromium
from tests.fixtures.access_world import AccessWorld
from tests.fixtures.ca_service import PASSWORD, SEALER, URL, Api, Device
from tests.fixtures.chunks import Teller, record
from tests.fixtures.edge_services import aware, create_secret, declare
from tests.fixtures.in_process import InProcess
from tests.fixtures.recordings import SESSION, end, parcel_of, start
from tests.fixtures.web_person import WebPerson

PLACE = Path(__file__).resolve().parents[1] / "docs" / "images" / "portal"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
MOST_BYTES = 40_000
MOST_OF_ALL = 1_500_000
PEOPLE = {
    "robin": ("Robin Okafor", [directory.ADMINISTRATORS]),
    "ann": ("Ann Lee", ["engineers"]),
    "cara": ("Cara Voss", ["dba"]),
    "audrey": ("Audrey Nilsson", [directory.AUDITORS]),
    "ben": ("Ben Ito", ["engineers"]),
    "dev": ("Devika Rao", ["engineers", "on-call"]),
    "eli": ("Eli Marsh", ["support"]),
}
SERVICES = {
    "orders": "What customers ordered, as it stands now",
    "billing": "Invoices and payments",
    "analytics": "Numbers of yesterday, for reports",
}
# Name of the picture: who looks, and at what.
PAGES: Mapping[str, tuple[str, str]] = {
    "sign-in": ("", "/sign-in"),
    "databases": ("ann", "/databases"),
    "connect": ("ann", "/databases/orders"),
    "request": ("cara", "/requests/{request}"),
    "account": ("ann", "/me"),
    "session": ("audrey", f"/sessions/e1/{SESSION}/recording"),
    "audit": ("audrey", "/audit?period=7d"),
    "reach": ("audrey", "/audit/map"),
    "overview": ("robin", "/admin"),
    "people": ("robin", "/admin/people"),
    "service": ("robin", "/admin/resources/services/orders/+edit"),
    "edges": ("robin", "/admin/edges"),
}


@dataclass
class Company:
    """The application, and the request that is shown."""

    app: FastAPI
    request: str
    visitors: dict[str, WebPerson] = field(default_factory=dict)

    def web(self, who: str) -> WebPerson:
        """Return the browser of somebody, who signs in once; of nobody for an empty name."""
        if who not in self.visitors:
            made = self.visitors[who] = WebPerson(self.app)
            made.client._transport._address = ("192.0.2.7", 50_000)  # noqa: SLF001 - an address of people
            if who:
                made.sign_in(who)
        return self.visitors[who]


@contextmanager
def company() -> Iterator[Company]:
    """Make people, databases, machines, and what went on."""
    with (
        measured.empty() as (store, place),
        measured.application(store, place) as app,
        InProcess(app, base_url=URL) as client,
    ):
        clock = SystemClock()
        api = Api(client, clock, store, Passwords())
        world = AccessWorld(store, clock)
        _people(world)
        robin = api.device("robin")
        _declare(world, robin)
        _machines(world, api, robin)
        yield Company(app, _asked(world))


def _people(world: AccessWorld) -> None:
    encoded = Passwords().hash(PASSWORD)
    for name, (full, groups) in PEOPLE.items():
        world.add(name, *groups)
        known = {"full_name": full, "email": f"{name}@example.com", "password_hash": encoded}
        with world.store.write() as transaction:
            statement = sa.update(users).where(users.c.name == name)
            transaction.execute(statement.values(**known))


def _declare(world: AccessWorld, robin: Device) -> None:
    create_secret(robin, "db", PASSWORD)
    for name in ("orders", "analytics"):
        allow = {"groups": ["engineers", "dba"]}
        declare(robin, aware(name), allow=allow, webClient={"export": True})
    auth = {"password": {"fromSecret": "db"}}
    integration = {"connector": "c1", "host": "db1.internal", "user": "pgward", "auth": auth}
    world.put("Integration", "billing-db", integration)
    spec = {"upstream": {"host": "db1.internal"}, "allow": {}, "integration": "billing-db"}
    world.put("Service", "billing", spec)
    reading = {"database": "billing", "schema": "public", "tables": ["*"], "grant": ["SELECT"]}
    world.put("RoleBundle", "read", {"integrations": ["billing-db"], "privileges": [reading]})
    flow = {
        "services": ["billing"],
        "who": {"groups": ["engineers"]},
        "bundles": ["read"],
        "maxDuration": "8h",
        "reason": "required",
        "approvals": [{"groups": ["dba"]}],
    }
    world.put("AccessFlow", "billing-reading", flow)
    with world.store.write() as transaction:
        for name, words in SERVICES.items():
            one = (resources.c.kind == "Service") & (resources.c.name == name)
            transaction.execute(sa.update(resources).where(one).values(description=words))


def _machines(world: AccessWorld, api: Api, robin: Device) -> None:
    edge = api.machine(robin, "edge", "e1")
    for kind, name in (("edge", "e2"), ("host", "db1"), ("connector", "c1")):
        api.machine(robin, kind, name)
    with world.store.write() as transaction:
        transaction.execute(sa.update(machines).values(last_seen_at=world.clock.now()))
    recipient = recording_keys.ensure(world.store, SEALER, world.clock)
    facts = {"user": "ann", "role": "app", "database": "orders"}
    denied = {"status": "denied", "rule": "careful/no-deletes", "reason": "ask for it first"}
    said = [
        record(2, **facts, text="select status, count(*) from orders group by status", rows=4),
        record(5, **facts, text="select * from orders where status = 'stuck'", rows=12),
        record(9, **facts, text="delete from orders", type="DENIED", **denied),
        record(14, **facts, text="update orders set status = 'open' where id = 1041", rows=1),
    ]
    begun, ended = start(1, recipient=recipient) | facts, end(17) | facts | {"status": "ok"}
    Teller(edge).tell(begun, *said, ended)
    data = parcel_of([begun], said, [end(17)])
    edge.put_content(f"/v1/edges/self/recordings/{sha256(data).hexdigest()}", data, {})


def _asked(world: AccessWorld) -> str:
    with world.store.write() as transaction:
        person = directory.get(transaction.connection, "ann")
        wanted, reason = Asked(frozenset({"read"})), "invoice 1041 was paid twice"
        wish = Wish("billing", wanted, 7200, reason)
        return asking.ask(transaction, person, wish, now=world.clock.now()).id


def shown(page: Page, web: WebPerson) -> None:
    """Have a page answered by the application, as somebody who is signed in."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(URL)
        headers = {"Accept": route.request.headers.get("accept", "*/*")}
        found = web.client.get(path, headers=headers)
        kept = {k: v for k, v in found.headers.items() if k not in {"content-length", "set-cookie"}}
        route.fulfill(status=found.status_code, headers=kept, body=found.content)

    page.route("**/*", answer)


def small(picture: bytes) -> bytes:
    """Return a picture as WebP of as many bytes as are allowed."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for quality in (80, 65, 50, 35, 20):
        out = io.BytesIO()
        image.save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


def take(found: Company, page: Page, name: str) -> Iterator[tuple[Path, bytes]]:
    """Return the pictures of one page."""
    who, path = PAGES[name]
    page.unroute_all()
    shown(page, found.web(who))
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.goto(URL + path.format(request=found.request))
            yield PLACE / f"{name}-{size}-{scheme}.webp", small(page.screenshot())


def main() -> int:
    """Take them; return 1 when they are too large together."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=list(PAGES), action="append")
    given = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    if chromium.PROGRAM is None:
        sys.exit("Chromium is missing: tools/setup_chromium.sh")
    with (
        company() as found,
        tempfile.TemporaryDirectory() as home,
        sync_playwright() as playwright,
    ):
        options = {"executable_path": chromium.PROGRAM, "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(env={"HOME": home, "PATH": "/usr/bin:/bin"}, **options)
        page = browser.new_page(device_scale_factor=1, ignore_https_errors=True)
        for name in given.only or PAGES:
            for path, picture in take(found, page, name):
                path.write_bytes(picture)
                print(f"{len(picture):6} {path.name}")
        browser.close()
    whole = sum(each.stat().st_size for each in PLACE.glob("*.webp"))
    print(f"{whole:6} bytes in all")
    return 0 if whole <= MOST_OF_ALL else 1


if __name__ == "__main__":
    sys.exit(main())
