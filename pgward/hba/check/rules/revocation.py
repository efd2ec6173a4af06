"""Revocation lists: PostgreSQL wants a current one of every CA in a client's chain, the root's too.

It sets X509_V_FLAG_CRL_CHECK_ALL (be-secure-openssl.c): what OpenSSL cannot check it refuses.
"""

from collections import defaultdict
from collections.abc import Iterator

from pgward.core.clock import rfc3339
from pgward.hba.check.finding import Severity
from pgward.hba.check.material import (
    KEY,
    LISTS,
    LISTS_DIRECTORY,
    Entry,
    Material,
    RevocationList,
    TlsFile,
    hashed,
    is_found,
)
from pgward.hba.check.rule import Found, rule
from pgward.hba.check.rules.tls_files import CONF, GOOD_FILES, place, tls_files, with_facts
from pgward.hba.check.samples import (
    GOOD,
    LIST_OF_ISSUING,
    LIST_OF_ROOT,
    but,
    opened_name,
    revocation_list,
)
from pgward.hba.check.subject import Subject
from pgward.hba.check.values import is_on

_CLOCK = "look at this machine's clock and the CA's"
_Of = tuple[TlsFile, RevocationList]


def _in_directory(name: str) -> Material:
    """Return an example's facts with a file of that name in ``ssl_crl_dir``."""
    entry = Entry(name, (LIST_OF_ISSUING,))
    directory = TlsFile(LISTS_DIRECTORY, "/etc/pg/crl", mode=0o700, entries=(entry,))
    return Material(GOOD.now, (*GOOD.files, directory))


@rule(
    "HBA069",
    "ca-without-list",
    Severity.ERROR,
    "a CA that the server trusts has no revocation list",
    why="Once lists are checked at all, each CA of a client's chain needs one, the root too: "
    "without it PostgreSQL refuses everyone of that CA (unable to get certificate CRL).",
    bad=with_facts(but(LISTS, lists=(LIST_OF_ISSUING,))),
    good=GOOD_FILES,
)
def without_list(subject: Subject) -> Found:
    """Look for a list of each CA in ssl_ca_file."""
    material = _checked(subject)
    if material is None:
        return
    lists = [found for _, found in material.lists()]
    for ca in material.cas:
        if not any(each.is_of(ca) for each in lists):
            where = place(subject, LISTS) or place(subject, LISTS_DIRECTORY)
            yield where, f"there is no revocation list of the CA {ca.subject}"


@rule(
    "HBA070",
    "list-out-of-date",
    Severity.ERROR,
    "a revocation list has ended or does not count yet",
    why="PostgreSQL then refuses everyone of that CA (CRL has expired, CRL is not yet valid), and "
    "to the client it looks as if the certificate were at fault. Most often what fetches the list "
    "has stopped.",
    bad=with_facts(
        but(LISTS, lists=(LIST_OF_ROOT, revocation_list("user issuing", since=8, left=-1)))
    ),
    good=GOOD_FILES,
)
def out_of_date(subject: Subject) -> Found:
    """Look for CAs of which no list counts now."""
    for material, lists in _by_ca(subject):
        if any(each.is_current(material.now) for _, each in lists):
            continue
        file, each = lists[-1]
        ended = each.ends is not None and each.starts <= material.now
        said = f"ended at {rfc3339(each.ends)}" if ended and each.ends else _begins(each)
        yield place(subject, file.setting), f"the revocation list of {each.issuer} {said}"


@rule(
    "HBA071",
    "list-that-ends-soon",
    Severity.WARNING,
    "little is left of a revocation list",
    why="Less than a quarter of its life and less than a month: what should have brought the next "
    "one has not. When it ends PostgreSQL refuses everyone of that CA.",
    bad=with_facts(
        but(LISTS, lists=(LIST_OF_ROOT, revocation_list("user issuing", since=6, left=1)))
    ),
    good=GOOD_FILES,
)
def ends_soon(subject: Subject) -> Found:
    """Look at the last that counts of each CA's lists."""
    for material, lists in _by_ca(subject):
        current = [(file, each) for file, each in lists if each.is_current(material.now)]
        if not current or any(each.ends is None for _, each in current):
            continue
        file, last = max(current, key=lambda one: one[1].ends or material.now)
        if last.ends is not None and material.ends_soon(last.starts, last.ends):
            said = f"the revocation list of {last.issuer} ends at {rfc3339(last.ends)}"
            yield place(subject, file.setting), said


@rule(
    "HBA072",
    "partial-list",
    Severity.ERROR,
    "a revocation list is not a full one",
    why="A delta, a list for a part of the certificates (a critical IssuingDistributionPoint), or "
    "one with an unknown critical extension: PostgreSQL refuses everyone whose certificate does "
    "not name that very list. Fetch the CA's full list.",
    bad=with_facts(
        but(
            LISTS,
            lists=(
                LIST_OF_ROOT,
                revocation_list(
                    "user issuing",
                    since=1,
                    left=6,
                    partial="it is for a part of the certificates (IssuingDistributionPoint)",
                ),
            ),
        )
    ),
    good=GOOD_FILES,
)
def partial(subject: Subject) -> Found:
    """Look for lists that say so."""
    material = _checked(subject)
    for file, each in material.lists() if material is not None else ():
        if each.partial:
            said = f"the revocation list of {each.issuer} is not a full one: {each.partial}"
            yield place(subject, file.setting), said


@rule(
    "HBA073",
    "list-that-nobody-opens",
    Severity.ERROR,
    "a revocation list in ssl_crl_dir has a name that OpenSSL does not look for",
    why="Files there are found by the hash of the issuer's name, counted from 0: openssl rehash "
    "makes such links for files that have one list each. A list by any other name is as if it were "
    "not there.",
    bad=with_facts(_in_directory("user-ca.crl"), f"{CONF}\nssl_crl_dir = 'crl'"),
    good=with_facts(_in_directory(opened_name("user issuing")), f"{CONF}\nssl_crl_dir = 'crl'"),
)
def not_opened(subject: Subject) -> Found:
    """Compare names with the hashes of issuers; of whom a list is found another does no harm."""
    for each in tls_files(subject):
        known = {
            one.issuer_id
            for entry in each.entries
            if is_found(entry, each.entries)
            for one in entry.lists
        }
        for entry in each.entries:
            missing = [one for one in entry.lists if one.issuer_id not in known]
            if missing:
                wanted = f"{hashed(missing[0].issuer_id)}.r0"
                said = f"OpenSSL does not open {each.path}/{entry.name}: it looks for {wanted}"
                yield place(subject, each.setting), f"{said} (openssl rehash makes the link)"


@rule(
    "HBA074",
    "passphrase-without-reload",
    Severity.WARNING,
    "a reload takes no new certificate, key or revocation list, since the key has a passphrase",
    why="Without ssl_passphrase_command_supports_reload the server cannot open an encrypted key "
    "when it reloads: it goes on with all TLS files that it had, and says so in its log alone. New "
    "revocation lists of ssl_crl_file never count, until the old ones end and everyone is refused.",
    bad=with_facts(
        but(KEY, encrypted=True, public_key=None), f"{CONF}\nssl_passphrase_command = 'vault'"
    ),
    good=with_facts(
        but(KEY, encrypted=True, public_key=None),
        f"{CONF}\nssl_passphrase_command = 'vault'\nssl_passphrase_command_supports_reload = on",
    ),
)
def passphrase(subject: Subject) -> Found:
    """Look for an encrypted key, or where nobody saw the key for a command that opens one."""
    reloads = subject.setting("ssl_passphrase_command_supports_reload", "off")
    if not is_on(subject.setting("ssl", "off")) or is_on(reloads):
        return
    command = subject.placed_setting("ssl_passphrase_command")
    key = None if subject.material is None else subject.material.of(KEY)
    named = command is not None and command.setting is not None and command.setting.value
    if key.encrypted if key is not None else named:
        where = None if command is None else command.place
        yield where, "the key has a passphrase, and ssl_passphrase_command_supports_reload is off"


RULES = (without_list, out_of_date, ends_soon, partial, not_opened, passphrase)


def _checked(subject: Subject) -> Material | None:
    """Return the facts, where the server checks lists: TLS is on, and lists could be read."""
    named = [each for each in tls_files(subject) if each.setting in {LISTS, LISTS_DIRECTORY}]
    if not named or any(each.problem is not None for each in named):
        return None
    return subject.material


def _by_ca(subject: Subject) -> Iterator[tuple[Material, list[_Of]]]:
    """Yield full lists together that are of the same CA, whether its certificate is here or not."""
    material = _checked(subject)
    if material is None:
        return
    found: dict[tuple[str, str], list[_Of]] = defaultdict(list)
    for file, each in material.lists():
        if not each.partial:
            found[each.issuer_id, each.authority_id].append((file, each))
    yield from ((material, lists) for lists in found.values())


def _begins(found: RevocationList) -> str:
    return f"does not count before {rfc3339(found.starts)}: {_CLOCK}"
