"""``pgward login | logout``."""

import getpass
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from pgward.client import api, failures, options, posture
from pgward.client.api import ApiClient
from pgward.client.home import Home
from pgward.client.login import installing, offers, page
from pgward.client.login.conversation import Request
from pgward.client.login.installing import LoggedIn
from pgward.client.login.loopback import Loopback
from pgward.client.login.offers import DEVICE_CODE, Offer, Wish
from pgward.client.login.terminal_answers import TerminalAnswers
from pgward.client.options import PasswordSource
from pgward.client.phrases import when
from pgward.client.session import Session
from pgward.client.trust import Trust, parse_url
from pgward.client.witness import Witness
from pgward.core import names
from pgward.core.clock import Clock, SystemClock, rfc3339
from pgward.core.errors import DeniedError, InvalidInputError, PgwardError
from pgward.pki.errors import LogError
from pgward.system import terminal
from pgward.system.paths import pgward_home
from pgward.system.secrecy import leave_no_core


@click.command()
@click.option("--ca", metavar="URL", envvar=["PGWARD_LOGIN_CA", "PGWARD_CA"], help="The CA's URL.")
@click.option(
    "--fingerprint",
    metavar="SHA256:…",
    envvar=["PGWARD_LOGIN_FINGERPRINT", "PGWARD_FINGERPRINT"],
    help="The CA's fingerprint, as its administrator told you.",
)
@click.option(
    "--user",
    metavar="NAME",
    envvar=["PGWARD_LOGIN_USER", "PGWARD_USER"],
    help="Who you are.  [default: who logged in last, else your name on this machine]",
)
@click.option("--method", metavar="NAME", help="How to log in.  [default: as last time]")
@click.option("--provider", metavar="NAME", help="At which identity provider.")
@click.option(
    "--device-code", is_flag=True, help="Log in by a code that you type on another device."
)
@click.option(
    "--no-browser",
    is_flag=True,
    help="Open no browser: log in by a code where there are codes, else show the page's address.",
)
@click.option("--reason", metavar="TEXT", help="Why, where a login reason is asked for.")
@click.option(
    "--device-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Enroll this device with the token in the first line of FILE.",
)
@options.password
def login(
    *,
    ca: str | None,
    fingerprint: str | None,
    user: str | None,
    method: str | None,
    provider: str | None,
    device_code: bool,
    no_browser: bool,
    reason: str | None,
    device_token_file: Path | None,
    password_source: PasswordSource,
) -> None:
    """Log in, and get a certificate that psql can use.

    The first login names the CA and its fingerprint; later ones remember both, and how you logged
    in. The private key is made here and stays here.
    """
    if device_code:
        if method not in (None, DEVICE_CODE):
            raise click.UsageError("--device-code and --method exclude each other")
        method = DEVICE_CODE
    leave_no_core()
    home, clock = Home(pgward_home()), SystemClock()
    who = _Who(home, user)
    url = None if ca is None else parse_url(ca)
    home.prepare()
    trust = _trust(home, url, fingerprint)
    wish = Wish(
        method,
        provider,
        password=password_source.given,
        user=user is not None,
        browser=not no_browser,
    )
    asking = _Asking(home, trust, clock, who, password_source)
    done = asking.log_in(wish, reason=reason, device_token_file=device_token_file)
    terminal.report(notice=done.notice)
    if done.notice:
        terminal.note(f"note: {done.notice}")
    _greet(done.session, clock.now())
    _see_the_log(done.session)
    done.session.close()


class _Who:
    """Whose login it is to be; asked for only where a method wants a name."""

    def __init__(self, home: Home, user: str | None) -> None:
        self._home = home
        # An impossible name is refused before anything is made.
        self._user = names.identity(user) if user else None
        self.given = bool(user)

    @property
    def name(self) -> str:
        """The name that was given, else who logged in last, else the name on this machine."""
        return self._user or names.identity(self._home.last_user() or getpass.getuser())


class _Asking:
    """One login on the terminal."""

    def __init__(
        self, home: Home, trust: Trust, clock: Clock, who: _Who, source: PasswordSource
    ) -> None:
        self._home = home
        self._trust = trust
        self._clock = clock
        self._who = who
        self._source = source

    def log_in(self, wish: Wish, *, reason: str | None, device_token_file: Path | None) -> LoggedIn:
        """Choose the way, and go it."""
        with ApiClient.of(self._trust, clock=self._clock) as client:
            found = offers.fetch(client)
        offer = offers.choose(found, wish, self._home.last_login())
        token = None if device_token_file is None else options.first_line(device_token_file)
        with ExitStack() as stack:
            loopback = None
            if offer.by_browser:
                loopback = stack.enter_context(Loopback(offer.redirect_ports))
            request = Request(
                offer.method,
                offer.provider,
                fields=self._fields(offer, loopback),
                reason=reason,
                device_token=token,
                posture=posture.facts(),
            )
            answers = TerminalAnswers(loopback=loopback, browser=wish.browser)
            done = self._sent(request, answers)
        if answers.set_factor_up:
            terminal.note(
                "for the day when the phone is gone: pgward mfa recovery-codes, kept on paper"
            )
        return done

    def _fields(self, offer: Offer, loopback: Loopback | None) -> dict[str, str]:
        host = failures.host_of(self._trust.ca_url)
        label = f"Password for {self._who.name} at {host}"
        return offers.wanted_fields(
            offer,
            {
                "user": lambda: self._who.name,
                "password": partial(self._source.read, label),
                "redirect_uri": lambda: "" if loopback is None else loopback.redirect_uri,
            },
        )

    def _sent(self, request: Request, answers: TerminalAnswers) -> LoggedIn:
        try:
            return installing.log_in(self._home, self._trust, request, answers, self._clock)
        except DeniedError as error:
            # With a password from a file nobody has seen whose it should be.
            if "user" in request.fields and not self._who.given:
                error.hint = f"that was for {self._who.name}; --user NAME logs in somebody else"
            raise


def _trust(home: Home, url: str | None, fingerprint: str | None) -> Trust:
    """Return whom to log in to: pin the CA that was named, or take the one that is known."""
    if url is None and fingerprint is None:
        return home.trust()
    if fingerprint is None:
        return _known(home, str(url))
    trust = api.pin(url or home.trust().ca_url, fingerprint)
    trust.save(home.directory)
    return trust


def _known(home: Home, url: str) -> Trust:
    if home.has_trust():
        known = home.trust()
        if known.ca_url == url:
            return known
    raise InvalidInputError(
        f"{failures.host_of(url)} is not known here yet, so its fingerprint is needed",
        hint="--fingerprint SHA256:…, as `pgward ca init` printed it",
    )


def _see_the_log(session: Session) -> None:
    """Be a witness of the CA's log: pin its key, and tell when it contradicts itself."""
    try:
        Witness(pgward_home(), session.trust.fingerprint).update(session.api())
    except LogError as error:
        terminal.error(error)
    except PgwardError:
        return  # an older CA has no log, and one that is busy can be asked later


def _greet(session: Session, now: datetime) -> None:
    user = session.user
    groups = f" ({', '.join(user.groups)})" if user.groups else ""
    lasts = when(session.session_expires_at, now).removeprefix("in ")
    terminal.report(
        user=user.name,
        groups=user.groups,
        ca_url=session.trust.ca_url,
        session_expires_at=session.session_expires_at,
        certificate_expires_at=session.not_after,
    )
    terminal.note(
        f"logged in as {user.name}{groups} at {failures.host_of(session.trust.ca_url)}"
        f" for {lasts}, until {rfc3339(session.session_expires_at)}\n"
        f"certificate until {rfc3339(session.not_after)}, renewed while the session lasts\n"
        "next: pgward services, then pgward psql SERVICE"
    )


@click.command()
@click.option("--provider", is_flag=True, help="Log the browser out of the identity provider, too.")
@click.option("--no-browser", is_flag=True, help="Show the page's address, and open no browser.")
def logout(*, provider: bool, no_browser: bool) -> None:
    """End the login session, revoke its certificates, and remove them from this machine.

    Works without the CA too, and then says what could not be revoked. Who logged in at an identity
    provider stays logged in there, unless --provider opens the page that ends it.
    """
    done = installing.logout(Home(pgward_home()), SystemClock())
    terminal.report(ended_at_ca=done.problem is None, problem=done.problem)
    if done.problem is not None:
        terminal.note(
            f"logged out here, but {done.problem}\n"
            "the certificate is not revoked; it ends by itself, as nothing can renew it any more"
        )
        return
    terminal.report(provider=done.provider, provider_logout_url=done.page)
    terminal.note("logged out")
    if done.provider is not None:
        _leave_provider(done.provider, done.page, open_it=provider, browser=not no_browser)
    elif provider:
        terminal.note("this was no login at an identity provider")


def _leave_provider(provider: str, found: str | None, *, open_it: bool, browser: bool) -> None:
    if found is None:
        terminal.note(f"the browser stays logged in at {provider}, which names no page to log out")
        return
    url = page.url_in({"url": found})
    if open_it:
        page.show(url, browser=browser, verb=f"log out of {provider}")
    else:
        terminal.note(f"the browser stays logged in at {provider}; this page ends that\n{url}")
