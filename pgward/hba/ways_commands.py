"""``pgward hba ways``."""

from dataclasses import replace
from pathlib import Path

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.decide.connection import World
from pgward.hba.decide.loading import Loaded, load
from pgward.hba.decide.server import Server
from pgward.hba.file_options import ReadFiles, conf_file_option, file_options
from pgward.hba.server.files import ServerFiles
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.ways import picture, population
from pgward.hba.ways.finding import Reach, find
from pgward.hba.ways.population import Person, Population
from pgward.hba.ways.reaching import reach_of
from pgward.hba.ways.report import Report, listed
from pgward.hba.ways.strength import Strength
from pgward.system import files as disk
from pgward.system import terminal
from pgward.system.output import option as output_option

_TOO_WEAK = 1
_MODE = 0o644
_TITLES = {
    "over": "OVER",
    "roles": "ROLES",
    "databases": "DATABASES",
    "weakest": "WEAKEST WAY IN",
    "strongest": "STRONGEST",
}


@click.command()
@file_options
@conf_file_option
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="Show this role, and others.")
@click.option("--database", "databases", multiple=True, metavar="NAME", help="Show this database.")
@click.option(
    "--member",
    "members",
    multiple=True,
    metavar="ROLE=GROUP",
    help="A role is in a group, which files do not say.",
)
@click.option(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw it as a picture, too.",
)
@click.option(
    "--fail-under",
    type=click.Choice([each.value for each in Strength]),
    metavar="STRENGTH",
    help="Fail where a way in over the network is weaker: "
    f"{', '.join(each.value for each in Strength)}.",
)
@output_option
def ways(
    *,
    read_files: ReadFiles,
    roles: tuple[str, ...],
    databases: tuple[str, ...],
    members: tuple[str, ...],
    svg: Path | None,
    fail_under: str | None,
    output: str,
) -> None:
    """Show for every role and database the weakest and the strongest way in.

    Nothing is tried and nothing sampled: all client addresses, encryptions, roles and databases
    that pg_hba.conf tells apart are gone through. With --dsn roles and databases are the
    server's; else those that the files name, and all others. What is granted inside a database
    is not looked at.
    """
    files = read_files()
    try:
        loaded, asked = _load(files, members)
        asked = _chosen(asked, roles, databases)
        server = replace(loaded.server, world=asked.world)
        found = find(server, asked, _reach(files), maps_known=files.has_ident)
    except BeyondUsError as error:
        raise InvalidInputError(
            f"this cannot be told from the files alone: {error}",
            hint="`pgward hba explain` answers for one connection",
        ) from error
    report = Report(found, [str(each.place) for each in loaded.rule_lines])
    if output == "table":
        terminal.table(list(report.rows()), _TITLES)
    else:
        terminal.structured({"pg_version": files.able.version, **report.document()}, output)
    _say(files, server, asked)
    if svg is not None:
        disk.write_named(svg, picture.draw(report, found, files.able.version).encode(), _MODE)
        terminal.note(f"drew {svg}")
    if fail_under is not None:
        _check(report, Strength(fail_under))


def _load(files: ServerFiles, members: tuple[str, ...]) -> tuple[Loaded, Population]:
    live = files.live
    said = population.members(map(_pair, members))
    if live is None:
        world = World(said, files.interfaces)
        loaded = load(files.hba, files.ident, files.able, world)
        server = loaded.server
        return loaded, population.of_files(server.rules, server.mappings, files.able, world)
    if members:
        raise InvalidInputError("--member does not go with --dsn", hint="the server knows them")
    loaded = load(files.hba, files.ident, files.able, live.world)
    people = [
        Person(population.shown(each.name), each.name, each.may_replicate or each.is_superuser)
        for each in live.roles
        if each.can_login
    ]
    named = population.names_replication(loaded.server.rules)
    return loaded, population.of_server(people, live.databases, live.world, replication=named)


def _pair(text: str) -> tuple[str, str]:
    role, equals, group = text.partition("=")
    if not (role and equals and group):
        raise InvalidInputError(f"--member {text!r} is not ROLE=GROUP")
    return role, group


def _chosen(asked: Population, roles: tuple[str, ...], databases: tuple[str, ...]) -> Population:
    """Return what was asked for of all that there is; raise InvalidInputError."""
    for kind, wanted, there in (
        ("role", roles, {each.label for each in asked.people}),
        ("database", databases, {each.label for each in asked.places}),
    ):
        for each in wanted:
            if each not in there:
                raise InvalidInputError(
                    f"there is no {kind} {each!r}", hint=f"there are {listed(sorted(there))}"
                )
    if not roles and not databases:
        return asked
    return replace(
        asked,
        whole=False,
        people=[each for each in asked.people if not roles or each.label in roles],
        places=[each for each in asked.places if not databases or each.label in databases],
    )


def _reach(files: ServerFiles) -> Reach:
    """Return what the server offers by its settings, or all where they are not known."""
    if files.settings is None:
        return Reach()
    return reach_of(files.values)


def _say(files: ServerFiles, server: Server, asked: Population) -> None:
    live = files.live
    if not files.has_ident and any(rule.option("map") for rule in server.rules):
        terminal.note("pg_ident.conf was not looked at: each map may lead to every role")
    for source in asked.missed:
        terminal.note(
            f"no name was found that /{population.shown(source)} matches: such are not shown"
        )
    if live is not None:
        for what in (*live.unseen, *(f"{path} {how}" for path, how in live.changed.items())):
            terminal.note(what)


def _check(report: Report, least: Strength) -> None:
    weaker = list(report.weaker(least))
    for each in weaker:
        terminal.note(f"weaker than {least.value}: {each}")
    if weaker:
        raise SystemExit(_TOO_WEAK)
