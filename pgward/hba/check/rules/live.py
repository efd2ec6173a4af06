"""A running server and its files: whether it runs on what stands there, and takes it."""

from pgward.hba.check.finding import Severity
from pgward.hba.check.live import Live, Said
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.files import Place

_HBA = "hostssl all all 10.0.0.0/8 cert"
_AS_FILED = Example(_HBA, live=Live())


@rule(
    "HBA080",
    "changed-since-loaded",
    Severity.WARNING,
    "a file is newer than what the server loaded of it",
    why="The server decides by what it loaded, not by what stands in the file. Whatever was "
    "mended or opened there since then waits for a reload, and comes with the next, whoever asks "
    "for it and for whatever reason.",
    bad=Example(_HBA, live=Live(changed={"/hba": "changed 2 hours after the server loaded it"})),
    good=_AS_FILED,
)
def changed(subject: Subject) -> Found:
    """Yield the files that changed since."""
    for path, what in _live(subject).changed.items():
        yield Place(path, 1), f"{what}: the server does not run on what stands here"


@rule(
    "HBA081",
    "refused-by-the-server",
    Severity.ERROR,
    "the server itself says that it would not take a line",
    why="A reload with such a line changes nothing at all, and says so in the log alone: the "
    "server runs on what it loaded before. Its view shows the line with no type, and for "
    "clientcert=1 from version 14 on with no error either, so that a look at the errors alone "
    "finds nothing.",
    bad=Example(
        "hostssl all all 10.0.0.0/8 md5 clientcert=1",
        live=Live(refused=(Said(Place("/hba", 1), "(the view gives no reason)"),)),
    ),
    good=_AS_FILED,
)
def refused(subject: Subject) -> Found:
    """Yield what the server's views show as not understood."""
    for said in _live(subject).refused:
        yield said.place, f"the server would not take this line: {said.what}"


@rule(
    "HBA082",
    "setting-refused-by-the-server",
    Severity.ERROR,
    "the server itself says that it would not take a setting",
    why="With a syntax error anywhere, or a name that it does not know, the server takes nothing "
    "of its configuration at a reload, and does not come up at the next start.",
    bad=Example(
        conf="ssl = perhaps",
        live=Live(refused_settings=(Said(Place("/conf", 1), "ssl: setting could not be applied"),)),
    ),
    good=_AS_FILED,
)
def refused_setting(subject: Subject) -> Found:
    """Yield what pg_file_settings shows as an error."""
    for said in _live(subject).refused_settings:
        yield said.place, f"the server would not take this: {said.what}"


@rule(
    "HBA083",
    "waits-for-a-restart",
    Severity.WARNING,
    "a setting in the files takes effect at the next restart only",
    why="Until then the server runs on the old value, and whoever reads the file believes the new "
    "one. The next restart, planned or not, changes more than was meant by it.",
    bad=Example(
        conf="listen_addresses = 'localhost'",
        live=Live(pending=(Said(Place("/conf", 1), "listen_addresses is still '*'"),)),
    ),
    good=_AS_FILED,
)
def pending(subject: Subject) -> Found:
    """Yield what waits for a restart."""
    for said in _live(subject).pending:
        yield said.place, f"{said.what} until the next restart"


@rule(
    "HBA084",
    "not-all-was-seen",
    Severity.NOTE,
    "the role that asked may not see all that the other rules look at",
    why="What could not be seen was not checked: that nothing is found there says nothing. A "
    "superuser sees all, and so does a role with the grants that are named.",
    bad=Example(_HBA, live=Live(unseen=("pg_file_settings: permission denied",))),
    good=_AS_FILED,
)
def unseen(subject: Subject) -> Found:
    """Yield what was not seen."""
    for what in _live(subject).unseen:
        yield None, what


def _live(subject: Subject) -> Live:
    return Live() if subject.live is None else subject.live


RULES = (changed, refused, refused_setting, pending, unseen)
