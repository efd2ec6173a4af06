import dataclasses

import pytest

from pgward.hba.check.catalogue import BY_ID, check
from pgward.hba.check.fix import Mode
from pgward.hba.check.material import CA, CERTIFICATE, KEY, Material, Owner
from pgward.hba.check.rule import Example
from pgward.hba.check.rules.tls_files import CONF
from pgward.hba.check.samples import GOOD, ISSUING, ROOT, SERVER, but, certificate
from tests.fixtures.hba_examples import subject_of


def found(material: Material, conf: str = CONF) -> list[tuple[str, str, str]]:
    subject = subject_of(Example(conf=conf, material=material))
    return [
        (each.rule, str(each.place), each.message)
        for each in check(subject)
        if "HBA060" <= each.rule < "HBA090"
    ]


def rules(material: Material) -> list[str]:
    return [rule for rule, *_ in found(material)]


def test_nothing_is_wrong_with_what_is_good() -> None:
    assert found(GOOD) == []


def test_nothing_is_said_without_tls() -> None:
    assert found(but(KEY, mode=0o666), "ssl = off") == []


def test_a_file_that_is_not_there() -> None:
    gone = but(KEY, problem="there is no /etc/pg/server.key", is_there=False, mode=0o777)
    assert found(gone) == [
        ("HBA060", "None", "ssl_key_file: there is no /etc/pg/server.key"),
    ]
    assert found(but(CA, problem="permission denied", certificates=())) == [
        ("HBA060", "/conf:2:1", "ssl_ca_file: /etc/pg/ca.crt: permission denied"),
    ]


@pytest.mark.parametrize(
    ("owner", "mode", "said", "fix"),
    [
        (Owner.SERVER, 0o600, "", None),
        (Owner.SERVER, 0o400, "", None),
        (Owner.SERVER, 0o640, "chmod 0600", 0o600),
        (Owner.SERVER, 0o4755, "chmod 0700", 0o700),
        (Owner.ROOT, 0o640, "", None),
        (Owner.ROOT, 0o600, "", None),
        (Owner.ROOT, 0o644, "is root's: chmod 0640", None),
        (Owner.ROOT, 0o660, "is root's: chmod 0640", None),
        (Owner.OTHER, 0o600, "belongs to another account", None),
    ],
)
def test_the_key_s_mode_and_owner(owner, mode, said, fix) -> None:
    subject = subject_of(Example(conf=CONF, material=but(KEY, owner=owner, mode=mode)))
    each = list(BY_ID["HBA061"].findings(subject))
    assert [said in one.message for one in each] == ([True] if said else [])
    wanted = None if fix is None else Mode("/etc/pg/server.key", fix)
    assert [one.fix for one in each] == ([wanted] if said else [])


def test_what_is_exposed_is_told_once() -> None:
    """The key's own mode is another rule's."""
    files = [
        dataclasses.replace(
            each, exposed=("/etc/pg", each.path) if each.setting == KEY else ("/etc/pg",)
        )
        for each in GOOD.files
    ]
    assert [message for _, _, message in found(Material(GOOD.now, files))] == [
        "others than the server and root may write to /etc/pg, and with it /etc/pg/server.crt"
    ]


def test_a_key_that_nobody_could_look_at() -> None:
    assert rules(but(KEY, public_key=None)) == []
    assert rules(but(KEY, public_key="99")) == ["HBA063"]
    assert rules(but(CERTIFICATE, certificates=(dataclasses.replace(SERVER, public_key=""),))) == []


def test_a_ca_that_is_there_twice() -> None:
    """Its old certificate does no harm beside the new one, nor does one that is to come."""
    old = certificate("user root", "user root", since=9000, left=-1)
    to_come = certificate("user root", "user root", since=-10, left=9000)
    assert rules(but(CA, certificates=(old, ROOT))) == []
    assert rules(but(CA, certificates=(ROOT, to_come))) == []
    assert rules(but(CA, certificates=(old,))) == ["HBA064"]
    (said,) = found(but(CA, certificates=(to_come,)))
    assert said[2].endswith("look at this machine's clock (/etc/pg/ca.crt)")


def test_what_ended_does_not_end_soon() -> None:
    ended = certificate("db1", "x", since=90, left=-1)
    assert "HBA065" not in rules(but(CERTIFICATE, certificates=(ended,)))


def test_chains() -> None:
    deeper = certificate("deeper", "user issuing", since=1, left=100)
    crossed = certificate("user root", "other root", since=1, left=100, public_key="07")
    same = dataclasses.replace(ROOT, public_key="07")
    rootless = BY_ID["HBA068"]

    def count(*cas) -> int:
        subject = subject_of(Example(conf=CONF, material=but(CA, certificates=cas)))
        return len(list(rootless.findings(subject)))

    assert count(ROOT, ISSUING, deeper) == 0
    assert count(deeper, ISSUING, ROOT) == 0
    assert count(ISSUING, deeper) == 2
    assert count(same, crossed) == 0
    assert count(crossed) == 1
    other_key = dataclasses.replace(ISSUING, authority_id="01")
    assert count(dataclasses.replace(ROOT, key_id="02", authority_id="02"), other_key) == 1
