"""What should become of a path: by pgward's plan alone, and by all of the files. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pgward.core.errors import InvalidInputError
from pgward.hba.decide import explaining
from pgward.hba.decide.connection import Connection
from pgward.hba.decide.connection import Encryption as Kind
from pgward.hba.decide.deciding import decide
from pgward.hba.decide.loading import Loaded, load
from pgward.hba.decide.verdict import Certificate, Evidence, Verdict
from pgward.hba.login.outcome import Encryption
from pgward.hba.plan.generate import fragments
from pgward.hba.plan.model import Plan
from pgward.hba.prove import trusting
from pgward.hba.prove.paths import Path
from pgward.hba.prove.proofs import Proof
from pgward.hba.prove.trusting import Trust
from pgward.hba.syntax.files import access_lines
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.syntax.tokens import quote

_SCRAM = frozenset({"scram-sha-256", "md5"})  # a password that is stored as SCRAM keeps it
_ANSWERED = _SCRAM | {"password"}
_OLDEST = {"": 0, "TLSv1": 0, "TLSv1.1": 1, "TLSv1.2": 2, "TLSv1.3": 3}
_ORDER = {Encryption.TLS_1_0: 0, Encryption.TLS_1_1: 1}


@dataclass(frozen=True, slots=True)
class Says:
    """Whether somebody says that it gets in, None when nothing is said; and why."""

    lets_in: bool | None
    why: str = ""


NOTHING = Says(None)


@dataclass(frozen=True, slots=True)
class Expected:
    """``plainly``: the files ask for the password in clear text, and it is one of our own."""

    wanted: Says
    files: Says
    plainly: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the files of a server say; ``plan`` is the plan's lines alone, if there is one.

    ``oldest`` is ssl_min_protocol_version; ``system_user`` who we are on the Unix socket.
    """

    files: Loaded
    plan: Loaded | None
    trust: Trust
    tls: bool
    oldest: str
    system_user: str
    now: datetime


class _Texts:
    """The fragments of a plan as files."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def read(self, path: str) -> bytes:
        return self._texts[path].encode("utf-8", "surrogateescape")

    def names(self, directory: str) -> list[str]:
        raise InvalidInputError(f"a plan includes no directory: {directory}")


def of_plan(plan: Plan, files: Loaded, pairs: Iterable[tuple[str, str]] = ()) -> Loaded:
    """Return the lines of a plan as if they were all that the server has.

    ``pairs`` are the names and roles that a RoleMap at the CA adds to its map.
    """
    able = files.server.able
    made = fragments(plan, able.version)
    more = "".join(f"{plan.map_name} {quote(name)} {quote(role)}\n" for name, role in pairs)
    texts = _Texts({"hba": made.hba, "ident": made.ident + more})
    lines = [access_lines(name, texts, able) for name in ("hba", "ident")]
    return load(lines[0], lines[1], able, files.server.world)


def expected(facts: Facts, path: Path) -> Expected:
    """Return what should become of a path."""
    method = _method(facts.files, path)
    return Expected(_wanted(facts, path), _by_files(facts, path), plainly=method == "password")


def is_of_use(facts: Facts, path: Path) -> bool:
    """Tell whether a path shows something: a wrong password does where one is asked for."""
    if path.relayed:
        return _method(facts.files, path) in _SCRAM
    return path.password is not False or _method(facts.files, path) in _ANSWERED


def _wanted(facts: Facts, path: Path) -> Says:
    plan = facts.plan
    if plan is None:
        return NOTHING
    if path.kind not in {None, Proof.VALID}:
        return Says(False, "no such certificate gets in")
    if path.encryption.is_old:
        able = plan.server.able
        return Says(False, "at least TLS 1.2") if able.minimum_protocol else NOTHING
    said = _decided(plan, path, has_certificate=path.shown is not None, facts=facts)
    return NOTHING if said.why == Verdict.NO_RULE.value else said


def _by_files(facts: Facts, path: Path) -> Says:
    has_certificate = False
    if path.encryption is not Encryption.NONE:
        if not facts.tls:
            return Says(False, "ssl is off")
        if path.encryption.is_old and _ORDER[path.encryption] < _OLDEST.get(facts.oldest, 0):
            return Says(False, f"ssl_min_protocol_version is {facts.oldest}")
        if path.shown is not None and facts.trust.cas is not None:
            refused = trusting.refusal(facts.trust, path.shown, facts.now)
            if refused is not None:
                return Says(False, refused)
            has_certificate = True
    said = _decided(facts.files, path, has_certificate=has_certificate, facts=facts)
    if path.encryption.is_old and said.lets_in:
        return Says(None, "OpenSSL's own settings decide about this version")
    return said


def _decided(loaded: Loaded, path: Path, *, has_certificate: bool, facts: Facts) -> Says:
    shown = path.shown if has_certificate else None
    certificate = None if shown is None else Certificate(shown.name, shown.dn)
    system = facts.system_user if path.place.client is None else None
    given = path.password is True and not path.relayed
    knows = given and _method(loaded, path) in _ANSWERED
    try:
        found = explaining.explain(loaded, _connection(path), Evidence(certificate, knows, system))
    except BeyondUsError as error:
        return Says(None, f"cannot be told: {error}")
    if found.decides is None:
        return Says(False, found.verdict.value)
    return Says(found.verdict is Verdict.IN, f"{found.decides.place}: {found.verdict.value}")


def _connection(path: Path) -> Connection:
    kind = Kind.NONE if path.encryption is Encryption.NONE else Kind.TLS
    return Connection(path.role, path.database, path.place.client, kind, path.place.name)


def _method(loaded: Loaded, path: Path) -> str | None:
    try:
        index = decide(loaded.server, _connection(path)).index
    except BeyondUsError:
        return None
    return None if index is None else loaded.server.rules[index].method


def with_now(facts: Facts, now: datetime) -> Facts:
    """Return the same at another time."""
    return replace(facts, now=now)
