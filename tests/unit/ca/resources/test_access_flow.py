from datetime import timedelta

import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError

LEAST = {
    "services": ["shop"],
    "who": {"groups": ["engineers"]},
    "maxDuration": "8h",
    "approvals": [],
}


def read(**spec):
    spec = {name: value for name, value in (LEAST | spec).items() if value is not None}
    body = {"kind": "AccessFlow", "metadata": {"name": "shop-oncall"}, "spec": spec}
    return kinds.read("AccessFlow", body).spec


def wrong(**spec):
    with pytest.raises(FieldsError) as caught:
        read(**spec)
    return {field.path: field.message for field in caught.value.fields}


def test_a_full_flow_is_read_and_can_be_written_again():
    spec = read(
        services=None,
        serviceLabels={"env": "prod"},
        bundles=["shop-reading"],
        roles=["reporting"],
        privileges=[{"database": "*", "schema": "*", "tables": ["*"], "grant": ["SELECT"]}],
        defaultDuration="2h",
        reason={"matches": "^TICKET-[0-9]+$"},
        approvals=[{"groups": ["dba"], "integrationOwner": True, "count": 2}],
        automatic=[{"name": "on-call", "match": "'oncall' in ctx.user.groups"}],
        expiresAfter="12h",
        remindAfter="1h",
        breakGlass={"who": {"groups": ["sre"]}, "maxDuration": "1h"},
        extend={"maxTotal": "24h"},
    )
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored["reason"] == {"matches": "^TICKET-[0-9]+$"}
    assert read(**(stored | {"services": None})) == spec
    assert (spec.longest, spec.usual) == (timedelta(hours=8), timedelta(hours=2))


def test_what_is_left_out_has_its_default():
    spec = read(maxDuration="30m")
    assert (spec.reason, spec.expires_after, spec.usual) == (
        "required",
        "24h",
        timedelta(minutes=30),
    )
    assert read().usual == timedelta(hours=1)


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"services": None}, "spec", "must have services, or serviceLabels"),
        ({"serviceLabels": {"a": "b"}}, "spec", "must have services, or serviceLabels"),
        ({"who": {}}, "spec.who", "names nobody"),
        ({"approvals": None}, "spec.approvals", "is missing"),
        ({"approvals": [{}]}, "spec.approvals[0]", "names nobody"),
        ({"approvals": [{"users": ["a"], "count": 0}]}, "spec.approvals[0].count", "at least 1"),
        ({"maxDuration": "91d"}, "spec.maxDuration", "more than 90d"),
        ({"maxDuration": "59s"}, "spec.maxDuration", "less than 1m"),
        ({"defaultDuration": "9h"}, "spec", "defaultDuration is more than maxDuration"),
        ({"remindAfter": "24h"}, "spec", "remindAfter is not before"),
        ({"extend": {"maxTotal": "1h"}}, "spec", "extend.maxTotal is less"),
        ({"reason": "maybe"}, "spec.reason", "must be 'required', 'optional' or {matches"),
        ({"reason": {"matchs": "x"}}, "spec.reason", "must be 'required', 'optional' or {matches"),
        ({"reason": {"matches": "("}}, "spec.reason", "is no regular expression"),
        ({"reason": {"matches": ""}}, "spec.reason", "is no regular expression"),
        (
            {"automatic": [{"name": "a", "match": "ctx.session.mfa"}]},
            "spec.automatic[0].match",
            "undeclared reference",
        ),
        (
            {"automatic": [{"name": "a", "match": "true"}, {"name": "a", "match": "true"}]},
            "spec",
            "two automatic rules called 'a'",
        ),
        ({"breakGlass": {"who": {}, "maxDuration": "1h"}}, "spec.breakGlass.who", "names nobody"),
        ({"roles": ["rds_superuser"]}, "spec", "as good as a superuser"),
        ({"approvers": []}, "spec.approvers", "did you mean approvals?"),
    ],
)
def test_wrong_fields_are_named(spec, path, said):
    assert said in wrong(**spec)[path]


@pytest.mark.parametrize("pattern", ['"', "\\d+", 'a\\"b', "é+", "😀", "'"])
def test_a_pattern_is_only_a_pattern(pattern):
    assert read(reason={"matches": pattern}).reason.matches == pattern
