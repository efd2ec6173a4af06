from datetime import timedelta

from pgward.hba.check import samples
from pgward.hba.check.catalogue import RULES
from pgward.hba.check.material import CA, KEY, Entry, Material, Owner, TlsFile
from pgward.hba.check.samples import GOOD, but


def test_one_thing_is_changed() -> None:
    made = but(KEY, mode=0o644)
    assert [one == other for one, other in zip(made.files, GOOD.files, strict=True)] == [
        *(True, False, True, True)
    ]


def test_what_is_told_of_them() -> None:
    assert samples.told(GOOD) == {}
    assert samples.told(but(CA, problem="it is gone")) == {"/etc/pg/ca.crt": "it is gone"}
    key = but(KEY, mode=0o440, owner=Owner.ROOT, public_key="99", exposed=("/etc",))
    assert samples.told(key)["/etc/pg/server.key"].split("\n") == [
        "mode 0440, of root",
        "others may write to /etc",
        "private key of another certificate",
    ]
    lists = tuple(
        samples.revocation_list("a", since=since, left=left)
        for since, left in ((1, 1), (9, -2), (-3, 9))
    )
    directory = Material(samples.NOW, (TlsFile("x", "/x", entries=(Entry("y", lists),)),))
    assert samples.told(directory)["/x"].split("\n")[1:] == [
        "y: revocation list of CN=a, ends in 1 days",
        "y: revocation list of CN=a, ended 2 days ago",
        "y: revocation list of CN=a, begins in 3 days",
    ]


def test_examples_differ_in_what_is_told() -> None:
    for rule in RULES:
        if rule.bad.material is not None and rule.bad.conf == rule.good.conf:
            assert rule.good.material is not None
            assert samples.told(rule.bad.material) != samples.told(rule.good.material), rule.id


def test_names_of_lists() -> None:
    assert samples.opened_name("a") != samples.opened_name("b")
    assert samples.GOOD.files[3].lists[0].ends == samples.NOW + timedelta(days=3000)
