"""A running server's files, and what it says of itself, asked for by SQL."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from pathlib import Path

from pgward.core.errors import DeniedError, InvalidInputError, UnavailableError
from pgward.hba.check.live import Live
from pgward.hba.decide.connection import World
from pgward.hba.live import facts, queries, rebuilt
from pgward.hba.live.psql import Answer, Asking, Refusal, Row
from pgward.hba.live.remote_files import RemoteFiles
from pgward.hba.server.files import Reader, ServerFiles
from pgward.hba.server.interfaces import interfaces
from pgward.hba.server.quoting import identifier
from pgward.hba.syntax.files import Placed, PlacedSetting
from pgward.hba.syntax.versions import Abilities

_AUTO_FILE = "postgresql.auto.conf"
_USUAL = {
    "hba_file": "pg_hba.conf",
    "ident_file": "pg_ident.conf",
    "config_file": "postgresql.conf",
}
_FILES = tuple(_USUAL)
_TLS_FILES = ("ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file")
_BESIDE_FILES = ("command line", "environment variable")
_FIRST_WITH_MAPPINGS = 15
_OWN_NETWORKS = frozenset({"samehost", "samenet"})
_QUERIES = {
    "self": queries.SELF,
    "pg_hba_file_rules": queries.HBA,
    "pg_ident_file_mappings": queries.IDENT,
    "pg_file_settings": queries.FILE_SETTINGS,
    "pg_settings": queries.SETTINGS,
    "pg_roles": queries.ROLES,
    "pg_auth_members": queries.MEMBERS,
    "pg_database": queries.DATABASES,
    **{name: queries.of_setting(name) for name in _FILES},
}


@dataclass(frozen=True, slots=True)
class _Found:
    """The files' contents, and the paths of those that say whether they changed."""

    hba: list[Placed]
    ident: list[Placed]
    settings: list[PlacedSetting]
    paths: Sequence[str]
    reader: Reader | None = None
    has_ident: bool = True


def read_server(ask: Asking) -> ServerFiles:
    """Ask a running server; raise UnavailableError, DeniedError, InvalidInputError."""
    answers = _Answers(ask)
    able = Abilities.of(answers.self["version"])
    found = _from_disk(answers, ask, able) if answers.may_read else _from_views(answers, able)
    path = answers.path("hba_file")
    rules, mappings = answers.rows("pg_hba_file_rules"), answers.rows("pg_ident_file_mappings")
    filed = answers.rows("pg_file_settings")
    live = Live(
        roles=facts.roles(answers.rows("pg_roles"), answers.rows("pg_auth_members")),
        databases=[row["datname"] for row in answers.rows("pg_database")],
        changed=_changed(answers, ask, found.paths),
        refused=[
            *facts.refused_rules(rules, path),
            *facts.refused_mappings(mappings, answers.path("ident_file")),
        ],
        refused_settings=list(facts.refused_settings(filed, answers.settings)),
        pending=list(facts.pending(filed, answers.settings)),
        unseen=list(_unseen(answers, found, able)),
        world=_world(answers),
    )
    reader = found.reader
    return ServerFiles(
        able,
        found.hba,
        found.ident,
        found.settings,
        [] if reader is None else reader.ignores(),
        found.has_ident,
        texts={} if reader is None else reader.texts,
        config=answers.path("config_file"),
        live=live,
    )


class _Answers:
    """What the first round of queries gave."""

    def __init__(self, ask: Asking) -> None:
        self.given: dict[str, Answer] = dict(
            zip(_QUERIES, ask(list(_QUERIES.values())), strict=True)
        )
        itself = self.given["self"]
        if isinstance(itself, Refusal):
            raise UnavailableError(
                f"the server does not answer as PostgreSQL does: {itself.message}",
                hint="--dsn must lead to PostgreSQL itself, not to a pooler's console",
            )
        self.self: Row = itself[0]
        self.settings: Mapping[str, Row] = {row["name"]: row for row in self.rows("pg_settings")}

    @property
    def may_read(self) -> bool:
        """Whether the role may read files, and knows where they are."""
        return bool(self.self["may_read"]) and "data_directory" in self.settings

    def rows(self, name: str) -> list[Row]:
        """Return what a query gave, nothing where it was refused."""
        given = self.given[name]
        return [] if isinstance(given, Refusal) else given

    def path(self, setting: str) -> str:
        """Return the file that a setting names, or its usual name where that is not shown."""
        row = self.settings.get(setting)
        return _USUAL[setting] if row is None else str(row["setting"])

    def grant(self, what: str) -> str:
        """Return the SQL that lets this role see something."""
        return queries.GRANTS[what].format(role=identifier(self.self["role"]))


def _from_disk(answers: _Answers, ask: Asking, able: Abilities) -> _Found:
    """Read the files as they are, with what they include."""
    remote = RemoteFiles(ask)
    for name in _FILES:
        remote.note(answers.given[name])
    reader = Reader(remote, able)
    hba = reader.lines(Path(answers.path("hba_file")))
    ident = reader.lines(Path(answers.path("ident_file")), optional=True)
    settings = reader.settings(Path(answers.path("config_file")))
    directory = answers.settings["data_directory"]["setting"]
    auto = Path(directory, _AUTO_FILE)
    if str(auto) not in reader.paths:
        settings += reader.settings(auto, optional=True)
    settings += rebuilt.of_settings(answers.settings.values(), _BESIDE_FILES)
    return _Found(hba, ident, settings, reader.paths, reader)


def _from_views(answers: _Answers, able: Abilities) -> _Found:
    """Make the lines again from what the server's views show of them; raise DeniedError."""
    rules = answers.given["pg_hba_file_rules"]
    if isinstance(rules, Refusal) and not rules.is_denial:
        raise InvalidInputError(f"the server itself cannot read pg_hba.conf: {rules.message}")
    if isinstance(rules, Refusal):
        raise DeniedError(
            f"the role {answers.self['role']} may not see pg_hba.conf: {rules.message}",
            hint=f"as a superuser: {answers.grant('pg_hba_file_rules')}",
        )
    mappings = answers.rows("pg_ident_file_mappings")
    has_ident = not isinstance(answers.given["pg_ident_file_mappings"], Refusal)
    hba = rebuilt.hba(rules, answers.path("hba_file"))
    ident = rebuilt.ident(mappings, answers.path("ident_file"))
    filed = answers.given["pg_file_settings"]
    if isinstance(filed, Refusal):
        sources = ("configuration file", *_BESIDE_FILES)
        settings = list(rebuilt.of_settings(answers.settings.values(), sources))
    else:
        settings = [
            *rebuilt.of_file_settings(filed),
            *rebuilt.of_settings(answers.settings.values(), _BESIDE_FILES),
        ]
    paths = {each.path for each in (*hba, *ident)} | {each.place.path for each in settings}
    known = sorted(path for path in paths if path.startswith("/"))
    return _Found(
        hba, ident, settings, known, None, has_ident and able.version >= _FIRST_WITH_MAPPINGS
    )


def _changed(answers: _Answers, ask: Asking, paths: Sequence[str]) -> dict[str, str]:
    """Return which files, those of TLS included, are newer than what the server runs on."""
    asked = dict.fromkeys([*paths, *_tls_files(answers)])
    if not asked or not answers.self["may_stat"]:
        return {}
    (answer,) = ask([queries.newer(asked)])
    return {} if isinstance(answer, Refusal) else facts.changed(answer)


def _tls_files(answers: _Answers) -> Iterator[str]:
    """Yield the files of TLS, which are read at a load, too."""
    directory = answers.settings.get("data_directory")
    if directory is None:
        return
    for name in _TLS_FILES:
        found = answers.settings.get(name)
        if found is not None and found["setting"]:
            yield posixpath.join(directory["setting"], found["setting"])


def _unseen(answers: _Answers, found: _Found, able: Abilities) -> Iterator[str]:
    """Yield what this role could not see, and what would let it."""
    for name in ("pg_hba_file_rules", "pg_file_settings", "pg_ident_file_mappings"):
        given = answers.given[name]
        old = name == "pg_ident_file_mappings" and able.version < _FIRST_WITH_MAPPINGS
        if isinstance(given, Refusal) and not old:
            remedy = f": {answers.grant(name)}" if given.is_denial else ""
            yield f"{name} was not seen ({given.message}){remedy}"
    if "hba_file" not in answers.settings:
        yield f"where the files are was not seen: {answers.grant('pg_settings')}"
    if found.reader is None:
        yield (
            "the files themselves, and whether they changed since they were loaded, were not seen, "
            "but their lines in the server's views, which show no comments, no quotes and no "
            f"clientname: {answers.grant('files')}"
        )
        if not found.has_ident and able.version < _FIRST_WITH_MAPPINGS:
            yield f"PostgreSQL {able.version} has no view of pg_ident.conf: maps were not looked at"
    elif not answers.self["may_stat"]:
        yield (
            "whether files changed since the server loaded them was not seen: "
            f"{answers.grant('files')}"
        )
    if answers.self["address"] is not None and any(map(_names_own_network, found.hba)):
        yield (
            "samehost and samenet were taken as this machine's networks, which they are not where "
            "a tunnel leads to the server"
            if _is_here(answers)
            else "samehost and samenet are known by one address alone, the one asked at: another "
            "address of the server is not told by SQL"
        )


def _world(answers: _Answers) -> World:
    groups = facts.roles(answers.rows("pg_roles"), answers.rows("pg_auth_members"))
    return World({each.name: each.member_of for each in groups}, _interfaces(answers))


def _interfaces(answers: _Answers) -> tuple[IPv4Interface | IPv6Interface, ...]:
    """Return the server's addresses: this machine's, or the one that answered."""
    return interfaces() if _is_here(answers) else (ip_interface(answers.self["address"]),)


def _is_here(answers: _Answers) -> bool:
    """Tell whether the server runs on this machine, as far as the connection shows it."""
    address = answers.self["address"]
    return address is None or ip_address(address).is_loopback


def _names_own_network(line: Placed) -> bool:
    return any(field[0].text in _OWN_NETWORKS and not field[0].quoted for field in line.fields)
