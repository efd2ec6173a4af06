import pytest

from pgward.hba.check.catalogue import BY_ID, check
from pgward.hba.check.material import CA, KEY, LISTS, LISTS_DIRECTORY, Entry, Material, TlsFile
from pgward.hba.check.rule import Example
from pgward.hba.check.rules.tls_files import CONF
from pgward.hba.check.samples import (
    GOOD,
    LIST_OF_ISSUING,
    LIST_OF_ROOT,
    but,
    certificate,
    opened_name,
    revocation_list,
)
from tests.fixtures.hba_examples import subject_of


def found(material: Material, conf: str = CONF) -> list[str]:
    subject = subject_of(Example(conf=conf, material=material))
    return [each.rule for each in check(subject) if "HBA069" <= each.rule < "HBA090"]


def directory(*entries: Entry) -> Material:
    files = [each for each in GOOD.files if each.setting != LISTS]
    return Material(GOOD.now, (*files, TlsFile(LISTS_DIRECTORY, "/crl", entries=entries)))


def test_a_list_of_each_ca() -> None:
    other = certificate("other", "other", since=1, left=1000)
    assert found(but(LISTS, lists=(LIST_OF_ROOT,))) == []
    assert found(but(LISTS, lists=(LIST_OF_ISSUING,))) == ["HBA069"]
    assert found(but(CA, certificates=(*GOOD.cas, other))) == ["HBA069"]


def test_without_any_lists_nothing_is_checked() -> None:
    assert found(Material(GOOD.now, GOOD.files[:3])) == []
    assert found(but(LISTS, problem="it is gone", lists=())) == []


def test_in_a_directory() -> None:
    names = {one: opened_name(one) for one in ("user root", "user issuing")}
    root, issuing = Entry(names["user root"], (LIST_OF_ROOT,)), Entry("x", (LIST_OF_ISSUING,))
    assert found(directory(root, Entry(names["user issuing"], (LIST_OF_ISSUING,)))) == []
    assert found(directory(root, issuing)) == ["HBA073"]
    assert found(directory(root, issuing, Entry(names["user issuing"], (LIST_OF_ISSUING,)))) == []
    older = revocation_list("user issuing", since=3, left=4)
    opened = Entry(names["user issuing"], (LIST_OF_ISSUING,))
    assert found(directory(root, Entry("x", (older,)), opened)) == []
    assert found(directory(Entry("root.crl", (LIST_OF_ROOT,)))) == ["HBA069", "HBA073"]
    assert found(directory(root, Entry("README"))) == []
    assert found(directory()) == ["HBA069"]


@pytest.mark.parametrize(
    ("since", "left", "rule"),
    [(6, 1, "HBA071"), (5, 2, None), (8, -1, "HBA070"), (-1, 7, "HBA070"), (3000, 31, None)],
)
def test_times(since, left, rule) -> None:
    made = revocation_list("user issuing", since=since, left=left)
    assert found(but(LISTS, lists=(LIST_OF_ROOT, made))) == ([rule] if rule else [])


def test_the_best_of_several_lists_counts() -> None:
    ended = revocation_list("user issuing", since=8, left=-1)
    ending = revocation_list("user issuing", since=8, left=1)
    to_come = revocation_list("user issuing", since=-1, left=9)
    assert found(but(LISTS, lists=(LIST_OF_ROOT, ended, ending, LIST_OF_ISSUING, to_come))) == []
    assert found(but(LISTS, lists=(LIST_OF_ROOT, ended, to_come))) == ["HBA070"]
    assert found(but(LISTS, lists=(LIST_OF_ROOT, ended, ending))) == ["HBA071"]
    without_end = revocation_list("user issuing", since=8, left=0, ends=None)
    assert found(but(LISTS, lists=(LIST_OF_ROOT, ending, without_end))) == []


def test_lists_of_another_key_are_others() -> None:
    ended = revocation_list("user issuing", since=8, left=-1, authority_id="09")
    assert found(but(LISTS, lists=(LIST_OF_ROOT, ended, LIST_OF_ISSUING))) == ["HBA070"]


def test_what_is_said() -> None:
    subject = subject_of(
        Example(
            conf=CONF,
            material=but(LISTS, lists=(revocation_list("user root", since=-1, left=7),)),
        )
    )
    (each,) = BY_ID["HBA070"].findings(subject)
    assert each.message == (
        "the revocation list of CN=user root does not count before 2026-06-02T00:00:00Z: "
        "look at this machine's clock and the CA's"
    )
    assert str(each.place) == "/conf:3:1"


@pytest.mark.parametrize(
    ("conf", "material", "count"),
    [
        ("ssl = on", but(KEY, encrypted=True, public_key=None), 1),
        ("ssl = off", but(KEY, encrypted=True, public_key=None), 0),
        ("ssl = on\nssl_passphrase_command = 'x'", GOOD, 0),
        ("ssl = on\nssl_passphrase_command = 'x'", None, 1),
        ("ssl = on\nssl_passphrase_command = ''", None, 0),
        ("ssl = on", None, 0),
    ],
)
def test_passphrases(conf, material, count) -> None:
    subject = subject_of(Example(conf=conf, material=material))
    assert len(list(BY_ID["HBA074"].findings(subject))) == count
