import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.plan.model import Auth, Plan


def test_the_default_is_everyone_by_certificate() -> None:
    plan = Plan()
    assert plan.everywhere
    assert plan.uses_map
    assert not plan.uses_passwords
    assert plan.rejected_superusers == ("postgres",)


def test_a_plan_for_one_role_rejects_no_superuser() -> None:
    assert Plan(roles=("app",)).rejected_superusers == ()


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("fd00::/8", "fd00::/8"),
        ("::1", "::1/128"),
        ("samenet", "samenet"),
        ("db.example.com", "db.example.com"),
        (".example.com", ".example.com"),
    ],
)
def test_addresses(given, written) -> None:
    assert Plan(addresses=(given,)).addresses == (written,)


@pytest.mark.parametrize("address", ["10.0.0.0/33", "10.0.0/8", "a b", "", "x/y", "-bad.example"])
def test_bad_addresses(address) -> None:
    with pytest.raises(InvalidInputError):
        Plan(addresses=(address,))


@pytest.mark.parametrize("role", ["", "+", "a\nb", "a\0b", "/alice", "+/x", "x" * 300])
def test_names_that_could_mean_more(role) -> None:
    with pytest.raises(InvalidInputError):
        Plan(roles=(role,))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"databases": ()}, "no database is named"),
        ({"auth": Auth.CERT_OR_SCRAM}, "which roles log in with a password"),
        ({"password_roles": ("app",)}, "password roles make no sense with cert"),
        ({"cert_roles": ("all",)}, "whatever the map says"),
        ({"cert_roles": ("+people",)}, "whatever the map says"),
        (
            {"auth": Auth.CERT_OR_SCRAM, "password_roles": ("a",), "cert_roles": ("a",)},
            "with a password, and with a certificate",
        ),
        ({"auth": Auth.SCRAM_AND_CERT, "mapped": (("a", "b"),)}, "no map beside a password"),
        ({"auth": Auth.SCRAM_AND_CERT, "strip_domain": "x.org"}, "no map beside a password"),
        ({"mapped": (("a", "postgres"),)}, "refused over the network"),
        ({"mapped": (("a,b", "c"),)}, "cannot be a user name"),
        ({"map_name": "a b"}, "cannot be the name of a map"),
        ({"strip_domain": "a b"}, "is not a DNS name"),
        ({"map_from_ca": True, "strip_domain": "x.org"}, "the role map at the CA says"),
        ({"map_from_ca": True, "auth": Auth.SCRAM_AND_CERT}, "no map beside a password"),
    ],
)
def test_what_does_not_go_together(fields, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Plan(**fields)
