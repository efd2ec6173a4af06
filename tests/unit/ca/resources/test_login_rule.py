from datetime import timedelta

import pytest

from pgward.ca.identity.password_rules import PasswordRules
from pgward.ca.identity.posture import PostureRules
from pgward.ca.login.rules import Admission, LoginRules
from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError

FULL = {
    "appliesTo": {"groups": ["engineers"], "users": ["alice"]},
    "methods": ["oidc", "passkey"],
    "secondFactor": "required",
    "sessionHours": 8,
    "reason": "required",
    "password": {"minLength": 12, "classes": 3, "maxAgeDays": 90, "breachList": True, "history": 5},
    "devices": "approval",
    "posture": {
        "diskEncryption": "required",
        "screenLock": "required",
        "firewall": "required",
        "updatesWithinDays": 30,
        "osVersions": {"macos": "14.4", "Ubuntu": "22.04", "windows": "any"},
        "allowUnknown": True,
    },
}


def read(**spec):
    body = {"kind": "LoginRule", "metadata": {"name": "r1"}, "spec": spec}
    return kinds.read("LoginRule", body).spec


def wrong(**spec):
    with pytest.raises(FieldsError) as caught:
        read(**spec)
    return {field.path: field.message for field in caught.value.fields}


def test_a_full_rule():
    assert read(**FULL).rules("r1") == LoginRules(
        session=timedelta(hours=8),
        methods=frozenset({"oidc", "passkey"}),
        second_factor=True,
        reason=True,
        password=PasswordRules(12, 3, timedelta(days=90), breach_list=True, history=5),
        devices=Admission.APPROVAL,
        posture=(
            PostureRules(
                required=("disk_encrypted", "screen_lock", "firewall"),
                updates_within_days=30,
                os_versions=(("macos", "14.4"), ("Ubuntu", "22.04"), ("windows", "any")),
                allow_unknown=True,
            ),
        ),
        names=("r1",),
    )


def test_what_is_left_out_is_no_rule():
    found = read(appliesTo={"everyone": True}).rules("r1")
    assert found == LoginRules(names=("r1",))


@pytest.mark.parametrize(
    ("applies_to", "expected"),
    [
        ({"groups": ["dba"]}, True),
        ({"users": ["ALICE"]}, True),
        ({"everyone": True}, True),
        ({"groups": ["other"], "users": ["bob"]}, False),
    ],
)
def test_whom_it_is_for(applies_to, expected):
    assert read(appliesTo=applies_to).applies_to.is_person("alice", ("dba",)) is expected


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"appliesTo": {}}, "spec"),
        ({"appliesTo": {"services": ["orders"]}}, "spec.appliesTo.services"),
        ({"methods": []}, "spec.methods"),
        ({"methods": ["telepathy"]}, "spec.methods[0]"),
        ({"sessionHours": 0}, "spec.sessionHours"),
        ({"sessionHours": "8"}, "spec.sessionHours"),
        ({"secondFactor": True}, "spec.secondFactor"),
        ({"password": {"minLength": 3}}, "spec.password.minLength"),
        ({"password": {"classes": 5}}, "spec.password.classes"),
        ({"devices": "closed"}, "spec.devices"),
        ({"posture": {}}, "spec.posture"),
        ({"posture": {"allowUnknown": True}}, "spec.posture"),
        ({"posture": {"diskEncryption": "optional"}}, "spec.posture.diskEncryption"),
        ({"posture": {"osVersions": {"macos": "new"}}}, "spec.posture.osVersions.macos"),
        ({"posture": {"osVersions": {}}}, "spec.posture.osVersions"),
        ({"posture": {"antivirus": "required"}}, "spec.posture.antivirus"),
    ],
)
def test_what_is_wrong_is_named(changed, path):
    assert path in wrong(**({"appliesTo": {"everyone": True}} | changed))
