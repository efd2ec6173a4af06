"""``pgward hba check``."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from pgward import __version__
from pgward.core.errors import InvalidInputError
from pgward.hba.check import describing
from pgward.hba.check.catalogue import BY_ID, RULES, check
from pgward.hba.check.finding import Severity
from pgward.hba.check.material import Material
from pgward.hba.check.report import json_, junit, sarif, text
from pgward.hba.check.report.made import Report
from pgward.hba.check.rule import Rule
from pgward.hba.check.subject import Subject
from pgward.hba.file_options import ReadFiles, conf_file_option, dialect_options, file_options
from pgward.hba.server import mending
from pgward.hba.server.disk import owner_of
from pgward.hba.server.files import ServerFiles
from pgward.hba.server.local import LOCAL
from pgward.hba.syntax.versions import Dialect
from pgward.system import collecting, terminal
from pgward.system.output import option as output_option

_NEVER = "never"
_FAILED = 1
_WRITERS: dict[str, Callable[[Report, bool], None]] = {
    "text": lambda report, why: terminal.echo(text.write(report, why=why)),
    "json": lambda report, _: terminal.structured(json_.document(report), "json"),
    "yaml": lambda report, _: terminal.structured(json_.document(report), "yaml"),
    "sarif": lambda report, _: terminal.structured(
        sarif.document(report, program_version=__version__, directory=str(Path.cwd())), "json"
    ),
    "junit": lambda report, _: terminal.echo(junit.write(report)),
}
_FORMATS = ("text", "json", "sarif", "junit")


@click.command("check")
@file_options
@dialect_options
@conf_file_option
@click.option(
    "--tls-dir",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="Look at the TLS files of --conf-file, too; their names are relative to DIR.",
)
@click.option(
    "--superuser",
    "superusers",
    multiple=True,
    metavar="ROLE",
    help="A superuser, and others so named; no file says who is.  [default: postgres, root, …]",
)
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), help="How to report it.  [default: text]"
)
@click.option(
    "--fail-on",
    type=click.Choice([*map(str, reversed(Severity)), _NEVER]),
    default=str(Severity.ERROR),
    show_default=True,
    help="The least that makes the status 1.",
)
@click.option("--only", multiple=True, metavar="ID", help="Report this rule, and others so named.")
@click.option("--skip", multiple=True, metavar="ID", help="Do not report this rule.")
@click.option("--why", is_flag=True, help="Say with the text why it matters.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option(
    "--fix", is_flag=True, help="Change what is safe to change, then look again; never reload."
)
@click.option("--list-rules", is_flag=True, help="List the rules, and look at nothing.")
@click.option("--explain", "explained", metavar="ID", help="Explain a rule, and look at nothing.")
@output_option
def check_files(
    *,
    read_files: ReadFiles,
    tls_dir: Path | None,
    superusers: tuple[str, ...],
    form: str | None,
    fail_on: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    why: bool,
    diff: bool,
    fix: bool,
    list_rules: bool,
    explained: str | None,
    output: str,
) -> None:
    """Look for what is wrong or risky in pg_hba.conf, pg_ident.conf and postgresql.conf.

    The files are read as their version of PostgreSQL reads them, with what they include; no server
    is asked but one that --dsn names. Of a data directory the certificates, keys and revocation
    lists are looked at, too, that its settings name; --ssh is the machine that it is on. A comment
    ``# pgward-ignore HBA010: reason`` behind a line, or directly above it, says that a finding is
    meant so. The status is 1 where something fails.
    """
    if explained is not None:
        _explain(_known(explained), output)
        return
    rules = _chosen(only, skip)
    if list_rules:
        _list(rules, output)
        return
    if diff and (fix or form is not None):
        raise InvalidInputError("--diff goes with neither --fix nor --format")

    @collecting.paused()
    def look() -> tuple[ServerFiles, Report]:
        files = read_files()
        subject = _subject(files, _material(files, tls_dir), superusers)
        least = None if fail_on == _NEVER else Severity(fail_on)
        return files, _report(subject, rules, least)

    files, report = look()
    if fix or diff:
        _check_change(files, fix=fix)
    if diff:
        _show(files, report, output)
    if fix and _mend(files, report):
        _, report = look()
    if not diff:
        _WRITERS[form or ("text" if output == "table" else output)](report, why)
    if report.failed:
        raise SystemExit(_FAILED)


def _check_change(files: ServerFiles, *, fix: bool) -> None:
    """Raise InvalidInputError where files cannot be changed, or are not what the server reads."""
    if files.able.dialect is not Dialect.POSTGRESQL:
        raise InvalidInputError(
            f"--fix and --diff are for PostgreSQL's files, not for {files.able.name}",
            hint="what is found is changed in the setting or in the flags of the server",
        )
    if fix and (files.live is not None or files.access is not LOCAL):
        raise InvalidInputError(
            "--fix changes files of this machine only",
            hint="--diff shows the changes; on the server's machine: --data-dir D --fix",
        )


def _show(files: ServerFiles, report: Report, output: str) -> None:
    """Show the fixes, as a diff that patch(1) takes, or as a document with it."""
    plan = mending.planned(files, report.mendable)
    text = mending.diff(plan)
    if output != "table":
        modes = [{"file": each.path, "mode": f"{each.mode:04o}"} for each in plan.modes]
        names = [each.path for each in plan.files]
        terminal.structured({"diff": text, "files": names, "modes": modes}, output)
    elif plan:
        terminal.echo(text.rstrip("\n"))
    counts = f"{len(report.mendable)} of {len(report.findings)} findings have a fix"
    terminal.note(f"{counts}; nothing was changed")


def _mend(files: ServerFiles, report: Report) -> bool:
    """Carry the fixes out, and say what was done; return whether anything was."""
    plan = mending.planned(files, report.mendable)
    if not plan or files.account is None:
        terminal.note("nothing that was found has a fix; nothing was changed")
        return False
    for done in mending.carry_out(plan, files.account, datetime.now(UTC)):
        terminal.note(done)
    terminal.note("the server was not reloaded: it goes on with what it had until that is done")
    return True


def _subject(files: ServerFiles, material: Material | None, superusers: tuple[str, ...]) -> Subject:
    return Subject(
        files.able,
        files.hba,
        files.ident,
        files.settings,
        _superusers(files, superusers),
        ignores=files.ignores,
        has_ident=files.has_ident,
        material=material,
        live=files.live,
        texts=files.texts,
        config=files.config,
    )


def _superusers(files: ServerFiles, named: tuple[str, ...]) -> frozenset[str]:
    """Return those that a server tells of and those named; else the one of every server."""
    asked = frozenset(map(files.able.folded, named))
    known = asked if files.live is None else files.live.superusers | asked
    return known or files.able.superusers


def _material(files: ServerFiles, tls_dir: Path | None) -> Material | None:
    """Look at what the TLS settings name, where that is known and asked for."""
    directory, account = files.directory, files.account
    if tls_dir is not None:
        if directory is not None or files.settings is None:
            raise InvalidInputError("--tls-dir goes with --hba-file and --conf-file")
        directory, account = tls_dir.absolute(), owner_of(tls_dir)
    if directory is None or account is None:
        return None
    from pgward.hba.server import tls_files  # noqa: PLC0415 - X.509 takes longer than most files

    now = datetime.now(UTC)
    version, access = files.able.version, files.access
    return tls_files.read(directory, account, files.values, version, now, access=access)


def _report(subject: Subject, rules: Sequence[Rule], fail_on: Severity | None) -> Report:
    ids = {each.id for each in rules}
    # All rules look, so that a comment is not said to ignore nothing where one was not asked for.
    findings = [each for each in check(subject) if each.rule in ids]
    return Report(findings, rules, subject.able.version, fail_on, subject.able.dialect)


def _chosen(only: tuple[str, ...], skip: tuple[str, ...]) -> list[Rule]:
    for each in (*only, *skip):
        _known(each)
    return [each for each in RULES if (not only or each.id in only) and each.id not in skip]


def _known(id_: str) -> Rule:
    found = BY_ID.get(id_)
    if found is None:
        raise InvalidInputError(f"there is no rule {id_!r}", hint="--list-rules names them")
    return found


def _explain(rule: Rule, output: str) -> None:
    if output == "table":
        terminal.echo(describing.text(rule))
    else:
        terminal.structured(describing.document(rule), output)


def _list(rules: Sequence[Rule], output: str) -> None:
    rows = [
        {"id": each.id, "severity": each.severity.value, "name": each.name, "title": each.title}
        for each in rules
    ]
    titles = {"id": "ID", "severity": "SEVERITY", "title": "WHAT IT FINDS"}
    terminal.table(rows, titles, output)
