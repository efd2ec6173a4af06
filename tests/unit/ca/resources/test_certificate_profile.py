from datetime import timedelta

import pytest

from pgward.ca.issuing.rules import Rules
from pgward.ca.resources import certificate_profile, kinds
from pgward.ca.resources.fields import FieldsError
from pgward.core.errors import InvalidInputError

PEOPLE = {"groups": ["contractors"]}
MACHINES = {"hosts": ["db1"]}


def profile(applies_to=None, **spec):
    return {
        "kind": "CertificateProfile",
        "metadata": {"name": "p"},
        "spec": {"appliesTo": applies_to or PEOPLE, **spec},
    }


def read(body):
    return kinds.read("CertificateProfile", body)


def wrong(body):
    with pytest.raises(FieldsError) as caught:
        read(body)
    return {field.path: field.message for field in caught.value.fields}


def test_a_profile_for_people():
    found = read(
        profile(
            lifetime="30m",
            maxLifetime="1h",
            backdate="0s",
            keyAlgorithms=["P-256", "RSA-3072"],
            extraPurposes=["1.3.6.1.5.2.3.4"],
            altNames=["email:{user}@example.com"],
        )
    )
    assert found.spec.rules("p") == Rules(
        profiles=("p",),
        lifetime=timedelta(minutes=30),
        max_lifetime=timedelta(hours=1),
        backdate=timedelta(),
        key_algorithms=("P-256", "RSA-3072"),
        extra_purposes=("1.3.6.1.5.2.3.4",),
        alt_names=("email:{user}@example.com",),
    )


def test_a_profile_for_machines():
    found = read(
        profile(
            MACHINES,
            lifetime="90d",
            altNames=["dns:{machine}.example.com"],
            permittedNames=["*.example.com", "10.0.0.0/8"],
            excludedNames=["ca.example.com"],
        )
    )
    made = found.spec.rules("p")
    assert made.permitted == (("*.example.com", "10.0.0.0/8"),)
    assert made.excluded == ("ca.example.com",)


def test_what_is_left_out_rules_nothing():
    assert read(profile()).spec.rules("p") == Rules(profiles=("p",))


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"lifetime": "30"}, "spec.lifetime"),
        ({"lifetime": "30s"}, "spec.lifetime"),
        ({"lifetime": "0m"}, "spec.lifetime"),
        ({"lifetime": 30}, "spec.lifetime"),
        ({"lifetime": "25h"}, "spec"),
        ({"maxLifetime": "2d"}, "spec"),
        ({"lifetime": "2h", "maxLifetime": "1h"}, "spec"),
        ({"backdate": "11m"}, "spec.backdate"),
        ({"keyAlgorithms": []}, "spec.keyAlgorithms"),
        ({"keyAlgorithms": ["P-521"]}, "spec.keyAlgorithms[0]"),
        ({"keyAlgorithms": ["P-256", "P-256"]}, "spec.keyAlgorithms"),
        ({"extraPurposes": ["serverAuth"]}, "spec.extraPurposes[0]"),
        ({"extraPurposes": ["1.3.6.1.5.5.7.3.1"]}, "spec.extraPurposes[0]"),
        ({"extraPurposes": ["2.5.29.37.0"]}, "spec.extraPurposes[0]"),
        ({"extraPurposes": ["1.02.3"]}, "spec.extraPurposes[0]"),
        ({"altNames": ["email:{user}@{user}.com"]}, "spec.altNames[0]"),
        ({"altNames": ["dns:{machine}.example.com"]}, "spec"),
        ({"permittedNames": ["*.example.com"]}, "spec"),
        ({"excludedNames": ["*.example.com"]}, "spec"),
        ({"lifetimes": "1h"}, "spec.lifetimes"),
    ],
)
def test_what_cannot_be_meant_is_refused(spec, path):
    assert list(wrong(profile(**spec))) == [path]


@pytest.mark.parametrize(
    "applies_to", [{"users": []}, {"groups": ["a"], "hosts": ["b"]}, {"edges": []}]
)
def test_it_is_for_either_people_or_machines(applies_to):
    assert "people or machines" in wrong(profile(applies_to))["spec"]


def test_a_machines_certificate_has_a_machines_longest_life():
    assert "90d" in wrong(profile(MACHINES, lifetime="91d"))["spec"]


@pytest.mark.parametrize(
    ("user", "groups", "services", "expected"),
    [
        ("ALICE", (), set(), True),
        ("bob", ("dba",), set(), True),
        ("bob", (), {"orders"}, True),
        ("bob", ("other",), {"other"}, False),
    ],
)
def test_whom_it_is_for(user, groups, services, expected):
    body = profile({"users": ["Alice"], "groups": ["dba"], "services": ["orders"]})
    assert read(body).spec.applies_to.is_person(user, groups, services) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800)],
)
def test_durations(text, expected):
    assert certificate_profile.duration(text).total_seconds() == expected


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1 h", "1H", "01h", "1h\n"])
def test_what_is_no_duration(text):
    with pytest.raises(InvalidInputError, match="no duration"):
        certificate_profile.duration(text)
