"""A demo that goes on until Ctrl-C: what it tells people and programs."""

import json
import select
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pgward.demo import parts
from pgward.demo.crew import Server
from pgward.demo.errors import DemoError
from pgward.demo.layout import Layout
from pgward.demo.parts import Workshop
from pgward.demo.site import Site
from pgward.demo.story import Story
from pgward.system.files import atomic_write


def facts(layout: Layout, site: Site) -> dict[str, Any]:
    """Return what demo.json holds; no secret, only where one lies."""
    address, upstream = site.tunnel.address, site.cluster
    return {
        "ca_url": site.authority.url,
        "fingerprint": site.authority.fingerprint,
        "home": str(layout.home),
        "admin_home": str(layout.admin_home),
        "user": parts.USER,
        "password_file": str(layout.file("password")),
        "service": parts.SERVICE,
        "edge": str(site.edge.address),
        "tunnel": {"host": address.host, "port": address.port},
        "upstream": {
            "host": upstream.host,
            "port": upstream.port,
            "data_dir": str(upstream.data_dir),
        },
        "conninfo": site.tunnel.conninfo,
        "server_name": parts.SERVER_NAME,
    }


def hold(shop: Workshop, site: Site, story: Story) -> None:
    """Write demo.json, say what can be tried, and wait; only ``Stopped`` ends it."""
    shop.stack.callback(_disconnect, shop, site.tunnel.server)
    text = json.dumps(facts(shop.layout, site), indent=2)
    atomic_write(shop.layout.facts, text.encode() + b"\n")
    story.heading("All of it runs. Try, in another terminal:")
    for line in commands(shop.layout, site):
        story.line(f"  {line}" if line else "")
    story.line()
    story.line(f"{shop.layout.facts} has all this for programs; Ctrl-C ends and removes it all")
    _watch([site.authority.server, site.edge.server, site.tunnel.server], story)


def commands(layout: Layout, site: Site) -> list[str]:
    """Return lines for a shell, with remarks."""
    return [
        f"conninfo={shlex.quote(site.tunnel.conninfo)}",
        'psql "$conninfo"',
        'pgbench -i "$conninfo" && pgbench -S -c 8 -T 5 "$conninfo"',
        "",
        "# the same certificate straight to PostgreSQL, without tunnel and edge",
        f"native={shlex.quote(site.native)}",
        'psql "$native"',
        "",
        f"# as {parts.USER}",
        f"export PGWARD_TOKEN_STORE=file PGWARD_HOME={shlex.quote(str(layout.home))}",
        f"alias pgward={shlex.quote(shlex.join([sys.executable, '-m', 'pgward']))}",
        "pgward whoami",
        f"pgward psql {parts.SERVICE}",
        "pgward status",
        "pgward certificates",
        "",
        "# in a browser, which does not know the demo's CA and says so",
        f"xdg-open {shlex.quote(site.authority.url)}",
        f"cat {shlex.quote(str(layout.file('password')))}  # {parts.USER}'s password",
        f"cat {shlex.quote(str(layout.file('admin-password')))}  # {parts.ADMIN}'s password",
        "",
        "# as the administrator; the last one ends every session above",
        f"export PGWARD_HOME={shlex.quote(str(layout.admin_home))}",
        "pgward get services -o yaml",
        "pgward audit",
        "pgward ca list",
        f"pgward ca log verify {shlex.quote(str(layout.authority))}",
        f"pgward user block {parts.USER}",
    ]


def _watch(servers: Sequence[Server], story: Story) -> None:
    """Wait for ever, and tell when a part ends; the others go on."""
    left = list(servers)
    while True:
        for stream in select.select([server.output for server in left], [], [])[0]:
            server = next(each for each in left if each.output is stream)
            if not stream.read(4096):
                left.remove(server)
                code = server.process.wait()
                story.line(f"the {server.name} ended ({_ending(code)}); start it again with:")
                story.line(f"  {server.command}")


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _disconnect(shop: Workshop, ours: Server) -> None:
    """Close our tunnel, then those that were opened in the background meanwhile."""
    shop.crew.stop(ours)
    with suppress(DemoError):  # whatever it cannot end, ends with its files
        shop.person("disconnect", "--all")
