"""Where a connection lands: as which role, in which database, with which settings. Pure.

A client says what it wants in its startup message (PostgreSQL manual, chapter 55.7); what it leaves
out libpq fills in: the user is called as the person, the database as the user. So those two
count as not chosen.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pgward.tunnel.edge.state_postgres import Config, DatabaseRule, UserRule
from pgward.tunnel.preface import Reason, RefusedError

MAX_NAME = 63
"""Bytes of a name, NAMEDATALEN - 1: PostgreSQL cuts what is longer, and means something else."""
REASON_PARAMETER = "pgward.reason"
"""By what a client says why it connects: ``PGOPTIONS="-c pgward.reason=TICKET-7"``."""
_MAX_REASON = 500
_PROTOCOL_OPTION = "_pq_."
_MAX_SHOWN = 10
# Names that PostgreSQL still takes for settings that are called otherwise now (guc.c).
_FORMER = {
    "sort_mem": "work_mem",
    "vacuum_mem": "maintenance_work_mem",
    "force_parallel_mode": "debug_parallel_query",
    "ssl_ecdh_curve": "ssl_groups",
}
_VARIABLE = re.compile(r"\{(user|application|service|role)\}")


@dataclass(frozen=True, slots=True)
class Landing:
    """What goes upstream in a startup message; ``application`` is what the client called itself.

    ``parameters`` are all but user and database.
    """

    user: str
    database: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    application: str = ""
    reason: str | None = None

    @property
    def startup(self) -> dict[str, str]:
        """The parameters of the startup message, user and database first."""
        return {"user": self.user, "database": self.database, **self.parameters}


def landing(
    config: Config,
    startup: Mapping[str, str],
    person: str,
    *,
    service: str = "",
    granted: str | None = None,
) -> Landing:
    """Return where the person lands with this startup message; raise RefusedError.

    ``granted`` is the person's access role, as long as a grant is live. ``startup`` holds the
    client's parameters; a one-time password or a token must have been taken out of ``user`` by now,
    and what is left may be empty.
    """
    asked = startup.get("user", "")
    user = _user(config.user, asked, person, granted if config.user.from_grant else None)
    database = _database(config.database, startup.get("database", ""), asked, user)
    # A person may be called longer, too, and land as who is called as the beginning of that.
    _check_name("user", user)
    _check_name("database", database)
    options = dict(
        split_options(startup.get("options", ""), strict=bool(config.forbidden_parameters))
    )
    settings = {
        name: value
        for name, value in startup.items()
        if name not in ("user", "database") and not name.startswith(_PROTOCOL_OPTION)
    }
    asked_for = {**options, **{_known(name): value for name, value in settings.items()}}
    _check_forbidden(config, asked_for)
    application = asked_for.get("application_name", "")
    settings = {n: v for n, v in settings.items() if _known(n) not in _overridden(config)}
    settings |= _set(config, startup.get("options", ""))
    names = {"user": person, "application": application, "service": service, "role": user}
    settings["application_name"] = application_name(config.application_name, names)
    return Landing(user, database, settings, application, reason_of(startup))


def reason_of(startup: Mapping[str, str]) -> str | None:
    """Return why a client says that it connects, if it does."""
    given = {name.lower(): value for name, value in startup.items()}
    found = given.get(REASON_PARAMETER)
    if found is None:
        found = dict(split_options(startup.get("options", ""))).get(REASON_PARAMETER, "")
    return found.strip()[:_MAX_REASON] or None


def _overridden(config: Config) -> frozenset[str]:
    taken = {_known(name) for name in config.set_parameters} - {"options"}
    return frozenset({"application_name", REASON_PARAMETER, *taken})


def _set(config: Config, options: str) -> dict[str, str]:
    """Return the settings that a service makes; its options come before the client's."""
    made = dict(config.set_parameters)
    own = made.pop("options", None)
    if own is not None:
        made["options"] = f"{own} {options}".rstrip()
    return made


def application_name(template: str, names: Mapping[str, str]) -> str:
    """Fill in a template; what the client called itself is cut first, so that the rest is there.

    ``names`` are ``user``, ``application``, ``service`` and ``role``.
    """

    def filled(application: str) -> str:
        values = {**names, "application": application}
        return _VARIABLE.sub(lambda found: values[found[1]], template)

    called = "".join(letter for letter in names["application"] if letter.isprintable())
    if not called:
        return _cut(filled("").rstrip(" :-/,(["), MAX_NAME)
    room = MAX_NAME - len(filled("").encode())
    return _cut(filled(_cut(called, max(room, 0))), MAX_NAME)


def split_options(text: str, *, strict: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the settings in a startup message's ``options``, names in lower case.

    They are split as PostgreSQL does it (pg_split_opts): at blanks, and a backslash takes the next
    letter as it is. ``-c name=value`` and ``--name=value`` are settings, where a ``-`` in a name is
    a ``_``. With ``strict`` any other switch raises RefusedError, as some are settings, too.
    """
    words = iter(_words(text))
    for word in words:
        if word == "-c":
            yield _setting(next(words, ""))
        elif word.startswith(("-c", "--")) and word != "--":
            yield _setting(word[2:])
        elif strict:
            raise RefusedError(
                Reason.DENIED,
                f"the option {word[:_MAX_SHOWN]!r} of a connection is none that this service takes",
                hint="options take -c NAME=VALUE, with a backslash before each blank of the value",
            )


def _words(text: str) -> Iterator[str]:
    word, inside, escaped = "", False, False
    for letter in text:
        if escaped:
            word, escaped = word + letter, False
        elif letter == "\\":
            inside, escaped = True, True
        elif letter in " \t\n\v\f\r":
            if inside:
                yield word
            word, inside = "", False
        else:
            word, inside = word + letter, True
    if inside:
        yield word


def _setting(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return _known(name.replace("-", "_")), value


def _known(name: str) -> str:
    """Return what a setting is called now, in lower case."""
    return _FORMER.get(name.lower(), name.lower())


def _user(rule: UserRule, asked: str, person: str, granted: str | None) -> str:
    if rule.force is not None:
        return rule.force
    if asked != person:
        _check_name("user", asked)
    if granted is not None and asked in ("", person, granted):
        return granted
    own = rule.own(person)
    if own is not None and asked in ("", person, own):
        return own
    if asked in rule.allow or (asked and asked == rule.default):
        return asked
    if asked in ("", person) and rule.default is not None:
        return rule.default
    may = rule.allow | {each for each in (own, rule.default, granted) if each is not None}
    if not may and rule.from_grant:
        raise RefusedError(
            Reason.DENIED,
            "you have no access role at this service now",
            hint="pgward request SERVICE asks for one",
        )
    if not may:
        raise RefusedError(
            Reason.DENIED, f"people of {rule.strip_domain} only are themselves at this service"
        )
    if asked in ("", person):
        raise RefusedError(
            Reason.DENIED, "you must say as which user you connect", hint=_choice("user", may)
        )
    raise RefusedError(
        Reason.DENIED, f"you may not connect as the user {asked!r}", hint=_choice("user", may)
    )


def _database(rule: DatabaseRule, asked: str, asked_user: str, user: str) -> str:
    if rule.force is not None:
        return rule.force
    unsaid = asked in ("", asked_user)
    if not unsaid:
        _check_name("database", asked)
    if rule.allow is None:
        if unsaid and rule.default is not None:
            return rule.default
        return user if unsaid else asked
    if asked in rule.allow or (asked and asked == rule.default):
        return asked
    if unsaid and rule.default is not None:
        return rule.default
    may = rule.allow | ({rule.default} if rule.default is not None else set())
    if unsaid and user in may:
        return user
    if unsaid:
        raise RefusedError(
            Reason.DENIED, "you must say to which database", hint=_choice("database", may)
        )
    raise RefusedError(
        Reason.DENIED,
        f"you may not connect to the database {asked!r}",
        hint=_choice("database", may),
    )


def _check_name(what: str, name: str) -> None:
    if len(name.encode("utf-8", "surrogateescape")) > MAX_NAME:
        raise RefusedError(
            Reason.DENIED, f"the name of that {what} is longer than {MAX_NAME} bytes"
        )


def _check_forbidden(config: Config, asked: Mapping[str, str]) -> None:
    for name in sorted({_known(each) for each in config.forbidden_parameters} & asked.keys()):
        raise RefusedError(
            Reason.DENIED,
            f"this service forbids the parameter {name}",
            hint="leave it out of the connection's settings",
        )


def _choice(what: str, names: frozenset[str] | set[str]) -> str:
    known = sorted(names)
    more = ", …" if len(known) > _MAX_SHOWN else ""
    return f"{what}={' or '.join(known[:_MAX_SHOWN])}{more}"


def _cut(text: str, size: int) -> str:
    """Cut to so many bytes of UTF-8, never inside a letter."""
    data = text.encode("utf-8", "replace")
    return data[:size].decode("utf-8", "ignore")
