"""The server's certificate and key, and the CAs that it trusts; nothing is said of what nobody saw.

What the server demands of its key is in ``check_ssl_key_file_permissions`` (be-secure-common.c).
"""

from collections.abc import Iterator

from pgward.core.clock import rfc3339
from pgward.hba.check.finding import Severity
from pgward.hba.check.fix import Mode
from pgward.hba.check.material import CA, CERTIFICATE, KEY, Certificate, Material, Owner, TlsFile
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.samples import GOOD, ISSUING, ROOT, but, certificate
from pgward.hba.check.subject import Subject
from pgward.hba.check.values import is_on
from pgward.hba.syntax.files import Place

CONF = "ssl = on\nssl_ca_file = 'ca.crt'\nssl_crl_file = 'ca.crl'"
GOOD_FILES = Example(conf=CONF, material=GOOD)
_BEYOND_OWNER, _BEYOND_ROOT = 0o077, 0o037
_KEPT = (
    "At a reload the server goes on with the files that it had, says so in its log alone, and does "
    "not come up at its next start."
)


def with_facts(material: Material, conf: str = CONF) -> Example:
    """Return an example whose files are these."""
    return Example(conf=conf, material=material)


@rule(
    "HBA060",
    "tls-file-of-no-use",
    Severity.ERROR,
    "a file that a TLS setting names is missing, or cannot be read",
    why=f"The server reads these files as its own account. {_KEPT} Of ssl_crl_dir it says nothing "
    "at all: it finds no list there, and refuses everyone who shows a certificate.",
    bad=with_facts(but(CA, problem="there is no /etc/pg/ca.crt")),
    good=GOOD_FILES,
)
def of_no_use(subject: Subject) -> Found:
    """Look for problems of files."""
    for each in tls_files(subject):
        if each.problem is not None:
            named = "" if each.path in each.problem else f" {each.path}:"
            yield place(subject, each.setting), f"{each.setting}:{named} {each.problem}"


@rule(
    "HBA061",
    "key-that-is-refused",
    Severity.ERROR,
    "PostgreSQL would not take its private key because of its mode or owner",
    why="The key must belong to the server's account, and nobody else may read it; or to root, and "
    f"then the group may, as in 0640. {_KEPT} Who could read the key meanwhile may pose as this "
    "server: if that may have been, make a new one.",
    bad=with_facts(but(KEY, mode=0o644)),
    good=GOOD_FILES,
    fix="takes from group and others what they may do with the key, where it belongs to the "
    "server's account: the server refuses it as it is, so nobody is locked out",
)
def refused_key(subject: Subject) -> Found:
    """Look at the key's mode and owner as the server does."""
    key = _file(subject, KEY)
    if key is None or not key.is_there:
        return
    where = place(subject, KEY)
    if key.owner is Owner.OTHER:
        said = "belongs to another account than the server's or root: chown it"
        yield where, f"{key.path} {said}"
        return
    beyond = _BEYOND_ROOT if key.owner is Owner.ROOT else _BEYOND_OWNER
    if key.mode & beyond:
        wanted = key.mode & 0o777 & ~beyond
        said = (
            f"{key.path} has mode {key.mode & 0o777:04o} and is {key.owner}'s: chmod {wanted:04o}"
        )
        # Root's file is root's to change, whoever named it in a setting.
        fix = Mode(key.path, wanted) if key.owner is Owner.SERVER else None
        yield where, said, fix


@rule(
    "HBA062",
    "tls-file-that-others-may-change",
    Severity.WARNING,
    "others than the server and root may change or replace a TLS file",
    why="Who may write to the file of CAs, or to a directory above it, adds a CA of their own and "
    "is whichever role they like; with the lists they bring back who was revoked, with the key "
    "they are this server.",
    bad=with_facts(but(CA, exposed=("/etc/pg",))),
    good=GOOD_FILES,
)
def others_may_change(subject: Subject) -> Found:
    """Look at the modes of files and of the directories above them, once each."""
    told: set[str] = set()
    for each in tls_files(subject):
        for path in each.exposed:
            if path not in told and (each.setting, path) != (KEY, each.path):
                told.add(path)
                what = "" if path == each.path else f", and with it {each.path}"
                said = f"others than the server and root may write to {path}{what}"
                yield place(subject, each.setting), said


@rule(
    "HBA063",
    "key-of-another-certificate",
    Severity.ERROR,
    "the private key does not belong to the server's certificate",
    why=f"Mostly one of both was renewed without the other. {_KEPT}",
    bad=with_facts(but(KEY, public_key="02")),
    good=GOOD_FILES,
)
def another_key(subject: Subject) -> Found:
    """Compare the key with the first certificate of the file."""
    key, leaf = _file(subject, KEY), _leaf(subject)
    if key is None or leaf is None or key.public_key is None or not leaf.public_key:
        return
    if key.public_key != leaf.public_key:
        yield place(subject, KEY), f"{key.path} is not the key of the certificate of {leaf.subject}"


@rule(
    "HBA064",
    "certificate-out-of-date",
    Severity.ERROR,
    "the server's certificate, or a CA's, has ended or does not count yet",
    why="The server itself does not look: it starts and serves. But clients that verify it refuse "
    "the server's certificate, and the server refuses everyone whose certificate the CA issued.",
    bad=with_facts(
        but(CERTIFICATE, certificates=(certificate("db1", "server issuing", since=90, left=-1),))
    ),
    good=GOOD_FILES,
)
def out_of_date(subject: Subject) -> Found:
    """Look at the times of all certificates."""
    for each, found, what, material in _certificates(subject):
        if not found.is_current(material.now):
            past = material.now >= found.ends
            said = f"ended at {rfc3339(found.ends)}" if past else _begins(found)
            yield place(subject, each.setting), f"{what} {found.subject} {said} ({each.path})"


@rule(
    "HBA065",
    "certificate-that-ends-soon",
    Severity.WARNING,
    "little is left of the server's certificate, or of a CA's",
    why="Less than a quarter of its life and less than a month: whatever renews it has not, and "
    "when it ends clients refuse the server, or the server refuses everyone of that CA.",
    bad=with_facts(
        but(CERTIFICATE, certificates=(certificate("db1", "server issuing", since=85, left=5),))
    ),
    good=GOOD_FILES,
)
def ends_soon(subject: Subject) -> Found:
    """Look at what is left of all certificates."""
    for each, found, what, material in _certificates(subject):
        if found.is_current(material.now) and material.ends_soon(found.starts, found.ends):
            said = f"{what} {found.subject} ends at {rfc3339(found.ends)}"
            yield place(subject, each.setting), f"{said} ({each.path})"


@rule(
    "HBA066",
    "certificate-for-no-server",
    Severity.WARNING,
    "the server's certificate is not for servers",
    why="Its extended key usage lacks serverAuth. The server takes it, and every client that "
    "verifies it (sslmode verify-ca or verify-full) refuses it: unsuitable certificate purpose.",
    bad=with_facts(
        but(
            CERTIFICATE,
            certificates=(certificate("db1", "server issuing", since=1, left=89, is_server=False),),
        )
    ),
    good=GOOD_FILES,
)
def for_no_server(subject: Subject) -> Found:
    """Look at the usages of the server's certificate."""
    leaf = _leaf(subject)
    if leaf is not None and not leaf.is_server:
        said = f"the certificate of {leaf.subject} has no serverAuth"
        yield place(subject, CERTIFICATE), said


@rule(
    "HBA067",
    "weak-certificate",
    Severity.WARNING,
    "a certificate has a weak key or a weak signature",
    why="An RSA key of less than 2048 bits, or a signature with MD5 or SHA-1, can be forged by who "
    "can pay for it. OpenSSL of many distributions refuses it (ca md too weak, key too small), so "
    "that the server does not start, or nobody gets in, after an upgrade.",
    bad=with_facts(
        but(
            CERTIFICATE,
            certificates=(
                certificate(
                    "db1", "server issuing", since=1, left=89, weakness="its RSA key has 1024 bits"
                ),
            ),
        )
    ),
    good=GOOD_FILES,
)
def weak(subject: Subject) -> Found:
    """Look at the keys and signatures of all certificates."""
    for each, found, what, _ in _certificates(subject):
        if found.weakness:
            said = f"{what} {found.subject}: {found.weakness}"
            yield place(subject, each.setting), f"{said} ({each.path})"


@rule(
    "HBA068",
    "ca-without-its-root",
    Severity.ERROR,
    "ssl_ca_file has a CA whose own issuer is not there",
    why="The chain of a client's certificate must end in a root that stands in the file: with an "
    "issuing CA alone PostgreSQL refuses everyone (unable to get issuer certificate). Put the root "
    "in; clients send the issuing CA.",
    bad=with_facts(but(CA, certificates=(ISSUING,))),
    good=with_facts(but(CA, certificates=(ROOT, ISSUING))),
)
def without_root(subject: Subject) -> Found:
    """Look for CAs that lead to no root."""
    found = _file(subject, CA)
    if found is None:
        return
    for each in _rootless(found.certificates):
        said = f"{each.subject} is no root, and its issuer {each.issuer} is not in {found.path}"
        yield place(subject, CA), said


RULES = (
    of_no_use,
    refused_key,
    others_may_change,
    another_key,
    out_of_date,
    ends_soon,
    for_no_server,
    weak,
    without_root,
)


def tls_files(subject: Subject) -> Iterator[TlsFile]:
    """Yield what the settings name, where TLS is on and somebody looked."""
    if subject.material is not None and is_on(subject.setting("ssl", "off")):
        yield from subject.material.files


def place(subject: Subject, setting: str) -> Place | None:
    """Return where a setting is set, None where it is not."""
    found = subject.placed_setting(setting)
    return None if found is None else found.place


def _file(subject: Subject, setting: str) -> TlsFile | None:
    return next((each for each in tls_files(subject) if each.setting == setting), None)


def _leaf(subject: Subject) -> Certificate | None:
    found = _file(subject, CERTIFICATE)
    return found.certificates[0] if found is not None and found.certificates else None


def _certificates(subject: Subject) -> Iterator[tuple[TlsFile, Certificate, str, Material]]:
    """Yield those that count, and what each is; of a CA that is there twice the best."""
    material = subject.material
    if material is None:
        return
    for each in tls_files(subject):
        if each.setting == CERTIFICATE and each.certificates:
            yield each, each.certificates[0], "the certificate of", material
        if each.setting == CA:
            best: dict[tuple[str, str], Certificate] = {}
            for found in sorted(each.certificates, key=lambda one: one.is_current(material.now)):
                best[found.subject_id, found.public_key] = found
            yield from ((each, found, "the CA", material) for found in best.values())


def _rootless(found: tuple[Certificate, ...]) -> list[Certificate]:
    rooted = [each for each in found if each.is_root]
    left = [each for each in found if not each.is_root]
    while True:
        more = [each for each in left if any(_issued(by, each) for by in rooted)]
        if not more:
            break
        rooted += more
        left = [each for each in left if each not in more]
    # Of a CA that two roots signed one is enough.
    known = {(each.subject_id, each.public_key) for each in rooted}
    return [each for each in left if (each.subject_id, each.public_key) not in known]


def _issued(by: Certificate, each: Certificate) -> bool:
    same_key = not each.authority_id or not by.key_id or each.authority_id == by.key_id
    return each.issuer_id == by.subject_id and same_key


def _begins(found: Certificate) -> str:
    return f"does not count before {rfc3339(found.starts)}: look at this machine's clock"
