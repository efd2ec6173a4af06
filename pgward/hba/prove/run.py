"""Prove a server: get certificates, make roles, try every path, judge, and leave nothing behind."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError
from pgward.core.names import PROOF_PREFIX
from pgward.hba.decide.connection import World
from pgward.hba.decide.loading import Loaded, load
from pgward.hba.decide.mapping import BadMapError, find
from pgward.hba.install.host import Host
from pgward.hba.install.material import MaterialError, read_crls
from pgward.hba.login import asked, shown
from pgward.hba.login.attempt import Login, attempt
from pgward.hba.login.outcome import Outcome, Seen
from pgward.hba.login.shown import Shown
from pgward.hba.plan.model import Plan
from pgward.hba.prove import expecting, judging, listening, paths, roles
from pgward.hba.prove.admin import Admin
from pgward.hba.prove.expecting import Facts
from pgward.hba.prove.installed import Blocks, Installed, installed
from pgward.hba.prove.judging import Report, Row
from pgward.hba.prove.paths import Subjects, Untried
from pgward.hba.prove.proofs import Proof, Proofs, ProofSource, every
from pgward.hba.prove.roles import Known, Role
from pgward.hba.prove.trusting import Trust
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.disk import DiskError, acting_as
from pgward.hba.server.files import ServerFiles, of_directory
from pgward.hba.server.interfaces import interfaces
from pgward.hba.syntax.addresses import HostName
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.pki import keys, pem
from pgward.pki.errors import BadCertificateError
from pgward.system.postgres import Account

_OLDEST = "TLSv1"
_FIRST_WITHOUT_OLD = 13
_MOST_UNTRIED = 50
_MOST_MAPPED = 100
_WRONG = "not the password"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to try beside what is always tried; ``domain`` is what the map takes off names."""

    persons: Sequence[Shown] = ()
    members: bool = False
    refresh: bool = True
    domain: str | None = None


def prove(
    host: Host, source: ProofSource, wish: Wish, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Try every path; raise PgwardError when the server, a superuser or the CA is not there."""
    running = host.data_dir.running()
    if running is None:
        raise PgwardError("PostgreSQL does not run there", hint="start it; nobody can log in now")
    prover = _Prover(host, source, wish, running)
    with prover.session() as admin:
        return prover.run(admin, progress or (lambda _done, _all: None))


class _Prover:
    """One run."""

    def __init__(self, host: Host, source: ProofSource, wish: Wish, running: Running) -> None:
        self._host = host
        self._source = source
        self._wish = wish
        self._running = running
        self._notes: list[str] = []
        self._rows: list[Row] = []

    def run(self, admin: Admin, progress: Callable[[int, int], None]) -> Report:
        if admin.query("select pg_catalog.pg_is_in_recovery()") == [["t"]]:
            raise PgwardError(
                "this server is a standby, on which no role can be made",
                hint="prove its primary; the files of this one can be checked: pgward hba check",
            )
        swept = roles.sweep(admin)
        if swept:
            self._notes.append(
                f"the server was stopped under an earlier run; its {len(swept)} roles are gone now"
            )
        plan = self._installed()
        self._loaded(roles.known(admin))  # the CA is asked for nothing that is of no use
        domain = self._wish.domain or (plan.plan.strip_domain if plan.plan else None)
        proofs = self._source.proofs(domain)
        self._refresh()
        names = (proofs.role, roles.new_name())
        with self._removing(admin, names):
            known = roles.known(admin)
            now = datetime.now(UTC)
            own, other = (
                roles.make(admin, name, now, groups)
                for name, groups in zip(names, (self._groups(known), ()), strict=True)
            )
            return self._tried(admin, plan, proofs, (own, other), progress)

    def _installed(self) -> Installed:
        """Return the plan that stands in the files now: the domain of names is in it."""
        data_dir = self._host.data_dir
        texts = (data_dir.config_file, data_dir.hba_file, data_dir.ident_file)
        conf, hba, ident = (data_dir.disk.read(path) or b"" for path in texts)
        return installed(Blocks.of(conf, hba, ident), data_dir.able)

    def _loaded(self, known: Known) -> tuple[ServerFiles, Loaded]:
        """Read the files; raise InvalidInputError for what the server would not take."""
        files = _files(self._host)
        world = World(known.member_of, interfaces())
        try:
            return files, load(files.hba, files.ident, files.able, world)
        except BeyondUsError as error:
            raise InvalidInputError(
                f"what these files say cannot be told: {error}",
                hint="write that line without it, or try what it is about by hand, with psql",
            ) from error

    def _refresh(self) -> None:
        if not self._wish.refresh:
            return
        try:
            self._source.refresh()
        except PgwardError as error:
            if self._host.generations.load() is None:
                self._notes.append(f"the server was not refreshed: {error.message}")
                return
            self._rows.append(
                judging.found(
                    "a new revocation list",
                    wanted="taken",
                    files=None,
                    seen="not taken",
                    why=error.message,
                )
            )

    def _groups(self, known: Known) -> list[str]:
        """Return the groups that the lines name, where the role may be a member of them."""
        if not self._wish.members:
            return []
        words = {token.text for line in _files(self._host).hba for f in line.fields for token in f}
        return sorted(
            word[1:] for word in words if word.startswith("+") and word[1:] in known.member_of
        )

    def session(self) -> AbstractContextManager[Admin]:
        """Open a superuser's session."""
        return Admin.session(self._host.data_dir, self._running, self._host.superuser)

    @contextlib.contextmanager
    def _removing(self, admin: Admin, names: Sequence[str]) -> Iterator[None]:
        """Remove the roles whatever happens, and have the server do it when we cannot."""
        roles.claim(admin, names)
        with self.session() as second:
            roles.remove_later(second, names)
            try:
                yield
            finally:
                if not (_dropped(admin, names) | _ended(second)):
                    with self.session() as another:
                        roles.drop(another, names)

    def _tried(
        self,
        admin: Admin,
        plan: Installed,
        proofs: Proofs,
        made: tuple[Role, Role],
        progress: Callable[[int, int], None],
    ) -> Report:
        known = roles.known(admin)
        files, loaded = self._loaded(known)
        facts = _facts(self._host.data_dir, files, plan, loaded)
        places, lost = _places(admin)
        if any(isinstance(rule.address, HostName) for rule in loaded.server.rules):
            places = [listening.named(each) for each in places]
        self._notes += [f"listen_addresses: {each} leads to no address" for each in lost]
        subjects = self._subjects(facts, proofs, made, known, plan.plan)
        wanted = [
            path
            for path in paths.every(files.able.version, places, subjects)
            if expecting.is_of_use(facts, path)
        ]
        rows = [*self._rows, *_found(plan, facts, proofs), *_asked(plan, facts, proofs, places)]
        for number, path in enumerate(wanted):
            progress(number, len(wanted))
            rows.append(self._row(path, facts, made, has_plan=plan.plan is not None))
            _check_alive(admin)
        groups = known.member_of.get(made[0].name, frozenset())
        left = list(paths.untried(loaded, places, subjects, groups))
        rows += [judging.not_tried(each) for each in left[:_MOST_UNTRIED]]
        if left[_MOST_UNTRIED:]:
            self._notes.append(f"{len(left) - _MOST_UNTRIED} more could not be tried either")
        return Report(files.able.version, rows, self._notes)

    def _subjects(
        self, facts: Facts, proofs: Proofs, made: tuple[Role, Role], known: Known, plan: Plan | None
    ) -> Subjects:
        own, other = (role.name for role in made)
        loaded = facts.files
        rest = known.logins - {own, other}
        named = [
            each
            for each in paths.named_roles(loaded, rest, known.superusers)
            if not each.startswith(PROOF_PREFIX)  # another run's, which may end first
        ]
        mapped = {each.name: _mapped(facts, each.name, rest) for each in self._wish.persons}
        self._notes += _left_out(mapped)
        settings = _settings(_files(self._host))
        server = _server_certificate(self._host.data_dir, settings)
        return Subjects(
            own,
            other,
            named,
            paths.databases(loaded, own, plan.databases if plan else ()),
            dict(every(proofs, server)),
            self._wish.persons,
            {person: found[:_MOST_MAPPED] for person, found in mapped.items()},
        )

    def _row(
        self, path: paths.Path, facts: Facts, made: tuple[Role, Role], *, has_plan: bool
    ) -> Row:
        facts = expecting.with_now(facts, datetime.now(UTC))
        expected = expecting.expected(facts, path)
        seen = _unheard(path, facts)
        if seen is None:
            passwords = {role.name: role.password for role in made}
            right = passwords.get(path.role) if path.password is not None else None
            password = _WRONG if path.password is False else right
            login = Login(path.role, path.database, password, expected.plainly, path.relayed)
            target, owner = path.place.target, self._host.data_dir.owner
            # Whose the socket is may have put a link there: it leads root nowhere.
            local = acting_as(owner) if path.place.client is None else contextlib.nullcontext()
            with local:
                seen = attempt(target, path.encryption, path.shown, login)
        return judging.tried(path, expected, seen, has_plan=has_plan)


def _dropped(admin: Admin, names: Sequence[str]) -> bool:
    """Remove the roles over a session; tell whether that was still whole. If not, it ends."""
    try:
        if admin.is_sound:
            roles.drop(admin, names)
            return True
    except UnavailableError:
        pass
    admin.close()
    return False


def _ended(second: Admin) -> bool:
    """Tell whether the session that waited has done its work."""
    try:
        second.finish()
    except PgwardError:
        return False
    return True


def _check_alive(admin: Admin) -> None:
    """Raise UnavailableError when our session is gone, for the roles then go with it."""
    try:
        admin.query("select 1")
    except UnavailableError as error:
        raise UnavailableError(
            f"{error.message}, and so nothing is proved",
            hint="run it again; if that happens each time, something there ends idle sessions",
        ) from error


def _unheard(path: paths.Path, facts: Facts) -> Seen | None:
    """Return why a certificate cannot be tried: it is over, or the server has not heard of it."""
    current = path.shown is not None and path.kind in {Proof.VALID, Proof.REVOKED}
    if current and path.shown and facts.now >= path.shown.leaf.not_valid_after_utc:
        return Seen(Outcome.NOT_TRIED, "the CA's certificate ended meanwhile: each try takes long")
    if path.kind is not Proof.REVOKED or path.shown is None or facts.trust.lists is None:
        return None
    if facts.trust.names(path.shown.leaf.serial_number):
        return None
    return Seen(Outcome.NOT_TRIED, "the server's revocation list does not name it yet")


def _files(host: Host) -> ServerFiles:
    data_dir = host.data_dir
    config = None if data_dir.config_file.parent == data_dir.path else data_dir.config_file
    return of_directory(data_dir.path, config)


def _settings(files: ServerFiles) -> dict[str, str]:
    return {each.setting.key: each.setting.value for each in files.settings or () if each.setting}


def _facts(data_dir: DataDir, files: ServerFiles, plan: Installed, loaded: Loaded) -> Facts:
    settings = _settings(files)
    usual = "TLSv1.2" if files.able.version >= _FIRST_WITHOUT_OLD else _OLDEST
    oldest = settings.get("ssl_min_protocol_version", usual)
    return Facts(
        loaded,
        None if plan.plan is None else expecting.of_plan(plan.plan, loaded, plan.pairs),
        _trust(data_dir, settings),
        tls=settings.get("ssl", "off").lower() in {"on", "true", "yes", "1", "tr", "t", "y"},
        oldest=oldest if files.able.minimum_protocol else "",
        system_user=_name_of(data_dir),
        now=datetime.now(UTC),
    )


def _name_of(data_dir: DataDir) -> str:
    """Return whom the kernel names on the Unix socket: root tries as the server's account."""
    euid = os.geteuid()
    account = data_dir.owner if euid == 0 else Account(str(euid), euid, os.getegid())
    return data_dir.access.account_name(account)


def _trust(data_dir: DataDir, settings: dict[str, str]) -> Trust:
    cas: tuple[x509.Certificate, ...] | None = None
    if name := settings.get("ssl_ca_file"):
        try:
            cas = tuple(pem.split(data_dir.disk.read(data_dir.path / name) or b""))
        except BadCertificateError:
            cas = ()
    named = [settings.get(key, "") for key in ("ssl_crl_file", "ssl_crl_dir")]
    return Trust(cas, tuple(_lists(data_dir, *named)) if any(named) else None)


def _lists(
    data_dir: DataDir, file: str, directory: str
) -> Iterator[x509.CertificateRevocationList]:
    found = [data_dir.path / file] if file else []
    if directory:
        found += sorted((data_dir.path / directory).glob("*"))
    for path in found:
        with contextlib.suppress(MaterialError, DiskError):  # it counts as none, as for the server
            yield from read_crls(data_dir.disk.read(path) or b"")


def _places(admin: Admin) -> tuple[list[listening.Place], list[str]]:
    names = ("listen_addresses", "port", "unix_socket_directories")
    addresses, port, directories = ((admin.query(f"show {name}")[0][0] or "") for name in names)
    return listening.places(addresses, int(port), directories)


def _server_certificate(data_dir: DataDir, settings: dict[str, str]) -> Shown | None:
    """Return what the server presents, None where its key cannot be read."""
    names = (
        settings.get("ssl_cert_file", "server.crt"),
        settings.get("ssl_key_file", "server.key"),
    )
    try:
        found = [data_dir.disk.read(data_dir.path / name) for name in names]
        return shown.read(found[0] or b"", found[1] or b"", str(Path(names[0])))
    except PgwardError:
        return None


def _mapped(facts: Facts, person: str, logins: frozenset[str]) -> list[str]:
    """Return the roles that some map has for a person's name."""
    server = facts.files.server
    found = []
    for role in sorted(logins):
        for named in {each.map for each in server.mappings}:
            with contextlib.suppress(BadMapError, ValueError):
                if find(server, named, person, role) is not None:
                    found.append(role)
                    break
    return found


def _left_out(mapped: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield for whom the map has more roles than are tried."""
    for person, found in mapped.items():
        if found[_MOST_MAPPED:]:
            yield f"the map lets {person} be {len(found) - _MOST_MAPPED} more roles, not tried"


def _asked(
    plan: Installed, facts: Facts, proofs: Proofs, places: Sequence[listening.Place]
) -> Iterator[Row]:
    """Yield whom the server asks for at the first address: all have the same."""
    first = next((each for each in places if each.client is not None), None)
    if first is None or not facts.tls or facts.trust.cas is None:
        return
    try:
        names = asked.ask(first.target)
    except asked.NotAskedError as error:
        yield judging.not_tried(Untried("CAs that it asks for", str(error), where=str(first)))
        return
    known = {each.subject.rfc4514_string(): each.subject.public_bytes() for each in facts.trust.cas}
    ours = [root.subject.public_bytes() for root in proofs.roots] if plan.plan else []
    yield judging.authorities(str(first), known, ours=ours, asked=names)


def _found(plan: Installed, facts: Facts, proofs: Proofs) -> Iterator[Row]:
    """Yield what no login can show: blocks that were changed, and CAs that are none of ours."""
    if plan.problem is not None:
        yield judging.found(
            "pgward's blocks", wanted="as pgward writes them", files="changed", why=plan.problem
        )
    if plan.plan is None:
        return
    ours = {keys.spki(root.public_key()) for root in proofs.roots}
    for each in facts.trust.cas or ():
        if keys.spki(each.public_key()) not in ours:
            name = each.subject.rfc4514_string()
            yield judging.found(
                f"certificate of {name}",
                wanted="out",
                files="in",
                why=f"ssl_ca_file has a CA that is none of pgward's: {name}",
            )
