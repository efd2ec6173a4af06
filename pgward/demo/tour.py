"""The story of a demo that is not held: what works, and what is refused."""

from pgward.demo import access, aware, honesty, parts, proofs, stranger
from pgward.demo.parts import Workshop
from pgward.demo.site import Site
from pgward.demo.story import Story

_REASON = "left the company"


def walk(shop: Workshop, site: Site, story: Story) -> None:
    """Show every proof; raise DemoError at the first that does not hold."""
    show_access(site, story)
    _show_refusals(shop, site, story)
    _show_aware(shop, site, story)
    _show_requests(shop, site, story)
    _show_honesty(shop, site, story)
    _show_replacement(shop, site, story)
    _show_revocation(shop, site, story)


def show_access(site: Site, story: Story) -> None:
    """Query through the tunnel, and natively."""
    story.heading("What works")
    psql, me = site.psql, site.me
    with story.step("psql through the tunnel, with TLS to PostgreSQL inside (verify-full)") as step:
        proofs.fill(psql, site.tunnel)
        found = proofs.query(psql, site.tunnel.conninfo, me)
        step.tell(f"$ psql … -c '{proofs.ASK}'")
        step.table(found.answer)
        step.tell("$ psql … -c 'select … from pg_stat_ssl where pid = pg_backend_pid()'")
        step.table(found.row)
        number = f"{me.serial:x} in hexadecimal"
        step.tell(f"{number}: the login certificate's serial number, PostgreSQL validated it")
    with story.step("psql straight to PostgreSQL, with the same certificate (native)") as step:
        row = proofs.query(psql, site.native, me).row
        step.table({name: row[name] for name in ("version", "client_dn")})


def _show_refusals(shop: Workshop, site: Site, story: Story) -> None:
    story.heading("What is refused")
    psql = site.psql
    with story.step("no certificate, though through the tunnel: PostgreSQL refuses") as step:
        nowhere = shop.layout.file("no-certificate")
        step.tell(proofs.without_certificate(psql, site.tunnel.conninfo, nowhere))
    with story.step(f"a stranger: a certificate for {parts.USER}, of another CA") as step:
        who = stranger.make(shop.layout.stranger, parts.USER)
        step.tell(f"the edge refuses: {proofs.stranger(psql, site.edge, who)}")


def _show_aware(shop: Workshop, site: Site, story: Story) -> None:
    story.heading("An edge that speaks PostgreSQL (mode: postgres)")
    with story.step(
        f"psql with a one-time password, no certificate (pgward otp {aware.SERVICE})"
    ) as step:
        aware.declare(shop, site.cluster)
        uri = aware.one_time(shop)
        step.tell(f"$ psql '{uri}' -c '{proofs.ASK}'")
        step.table(aware.query(site.psql, uri))
        step.tell(
            "the same once more: refused. PostgreSQL got a certificate minted for this session"
        )
    with story.step(f"a statement that a policy denies: {aware.DENIED}") as step:
        found = aware.denial(shop, site)
        step.tell(found.said)
        step.tell("$ pgward audit tail")
        step.table(found.record)
    with story.step("the chains of records (pgward audit verify)") as step:
        step.tell(aware.verified(shop))


def _show_requests(shop: Workshop, site: Site, story: Story) -> None:
    story.heading(f"{access.ASKER} has access to nothing, and asks for it")
    with story.step("a connector beside the database (pgward connector serve)") as step:
        step.tell(access.connector(shop, site.cluster))
        access.declare(shop, site.cluster)
    with story.step(f"pgward request {access.SERVICE} --bundle … --for 10m") as step:
        who = access.asker(shop, site.authority)
        request = access.ask(who)
        step.tell(f"{request}: waits for the group {parts.GROUP}")
    with story.step(f"{parts.USER} says yes (pgward approve)") as step:
        grant = access.approve(shop, request, who)
        step.table({name: grant[name] for name in ("role", "state", "until")})
    with story.step(f"psql as what was granted (pgward otp {access.SERVICE})") as step:
        step.table(access.query(site.psql, who))
        step.tell(f"$ {access.FORBIDDEN}")
        step.tell(access.forbidden(site.psql, who))
    with story.step(f"{parts.USER} ends it while a session runs (pgward revoke)") as step:
        end = access.revoke(shop, site, request, who)
        step.tell(f"the live session ended {end.seconds:.2f} s after that command began")
        step.tell(f"psql: {end.said}")
        step.tell(f"and PostgreSQL has no role {access.ASKER} any more")


def _show_honesty(shop: Workshop, site: Site, story: Story) -> None:
    story.heading("What the CA can prove")
    with story.step(f"{parts.USER} has the certificate proved (pgward ca log prove)") as step:
        found = honesty.entry(shop, site.me)
        step.tell(
            f"entry {found.index} of {found.size} in the CA's log, whose hash is {found.root}"
        )
    with story.step("somebody alters a row of the database (pgward ca log verify)") as step:
        step.tell(f"found: certificates {honesty.altered_row(shop, 'mallory')}")
    _show_state(shop, site, story, "good")


def _show_state(shop: Workshop, site: Site, story: Story, state: str) -> None:
    if honesty.has_openssl():
        with story.step("openssl asks the CA for the state of the certificate (OCSP)") as step:
            step.tell(honesty.ocsp(shop, site.authority.url, site.me, state))


def _show_replacement(shop: Workshop, site: Site, story: Story) -> None:
    story.heading("Another CA issues from now on, while a session runs")
    with story.step("pgward ca rotate start | advance, and a login") as step:
        done = honesty.replacement(shop, site)
        step.table({"before": done.before, "now": done.after})
        step.tell(f"the session answered {done.answers} times meanwhile, and goes on")


def _show_revocation(shop: Workshop, site: Site, story: Story) -> None:
    story.heading(f"{parts.USER} is blocked while a session runs")
    with story.step(f"pgward user block {parts.USER} --reason '{_REASON}'") as step:
        cut = proofs.revocation(shop, site.psql, site.tunnel, reason=_REASON)
        step.tell(f"the live session ended {cut.seconds:.2f} s after that command began")
        step.table({"psql": cut.session, "tunnel": cut.tunnel})
    with story.step("the next connection through the tunnel") as step:
        step.tell(f"refused: {proofs.refused_next(shop, site.psql, site.tunnel)}")
    with story.step("the next one straight to PostgreSQL, after pgward hba refresh") as step:
        said = proofs.refused_natively(shop, site.psql, site.cluster, site.native)
        step.tell(f"refused: {said}")
    _show_state(shop, site, story, "revoked")
