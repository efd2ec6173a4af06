import pytest

from pgward.hba.syntax import rules, yugabyte
from pgward.hba.syntax.dialects import Flags, Yugabyte
from pgward.hba.syntax.problems import BadLineError
from tests.fixtures.hba_examples import Texts

TRUSTED = "local all yugabyte trust"
OWN, ADDED = "<built into YugabyteDB>:1 ", "<built into yb-tserver>:"


def lines(text: str, able: Yugabyte) -> list[str]:
    found = yugabyte.hba_lines("f", Texts({"f": text}), able)
    return [f"{each.place} {each.problem or each.line.text}" for each in found]


def of_flag(text: str, **flags: bool) -> list[str]:
    return lines(text, Yugabyte(15, Flags(**flags)))[1:]


def test_the_file_has_a_line_before_it() -> None:
    text = (
        "# Internal configuration:\n# local all postgres yb-tserver-key\nhost all all all trust\n"
    )
    hardcoded = f"{OWN}local all postgres yb-tserver-key"
    assert lines(text, Yugabyte(11)) == [hardcoded, "f:3 host all all all trust"]


@pytest.mark.parametrize(
    ("text", "flags", "found"),
    [
        ("", {}, [f"{ADDED}1 host all all all trust", f"{ADDED}2 {TRUSTED}"]),
        (
            "",
            {"enable_auth": True},
            [f"{ADDED}1 host all all all md5", f"{ADDED}2 {TRUSTED}"],
        ),
        (
            "",
            {"encryption": True},
            [f"{ADDED}1 hostssl all all all trust", f"{ADDED}2 {TRUSTED}"],
        ),
        (
            "local all yugabyte trust",
            {"enable_auth": True, "encryption": True},
            ["f:1:1 local all yugabyte trust", f"{ADDED}1 hostssl all all all md5"],
        ),
        (
            'host all a 0.0.0.0/0 md5,"host all b,c ::0/0 md5"\n',
            {},
            [
                "f:1:1 host all a 0.0.0.0/0 md5",
                "f:1:27 host all b,c ::0/0 md5",
                f"{ADDED}1 {TRUSTED}",
            ],
        ),
        ('""', {}, [f"{ADDED}1 {TRUSTED}"]),
        ("a,", {}, ["f:1:1 a", f"{ADDED}1 {TRUSTED}"]),
    ],
)
def test_what_yb_tserver_adds_to_a_flag(text, flags, found) -> None:
    assert of_flag(text, **flags) == found


def test_the_older_one_adds_no_line_for_the_socket() -> None:
    found = lines("host all all all md5", Yugabyte(11, Flags()))
    assert found[1:] == ["f:1:1 host all all all md5"]


def test_what_is_refused_of_a_flag() -> None:
    assert of_flag("host all @people all md5")[0].startswith("f:1:1 @people is a file in the data")
    assert of_flag(f"host all {'x' * 256} all md5")[0] == "f:1:1 a word of more than 255 bytes"
    assert of_flag('a "b"')[0].startswith("f:1:1 a value with a quote in it")


def test_a_map() -> None:
    able = Yugabyte(15, Flags())
    (first, second) = yugabyte.ident_lines("f", Texts({"f": 'm a b,"m ""c,d"" e"'}), able)
    assert [each.line.words for each in (first, second)] == [("m", "a", "b"), ("m", "c,d", "e")]
    (only,) = yugabyte.ident_lines("f", Texts({"f": "m a b,m\n"}), Yugabyte(15))
    assert len(only.fields) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("jwt_audiences=a jwt_issuers=i jwt_jwks_path=/x map=m jwt_matching_claim_key=k", None),
        ("jwt_audiences=a jwt_issuers=i jwt_jwks_url=https://x", None),
        ("jwt_audiences=a jwt_issuers=i", "needs jwt_jwks_path or jwt_jwks_url"),
        ("jwt_issuers=i jwt_jwks_path=/x", "needs jwt_audiences"),
        ("jwt_audiences=a jwt_jwks_path=/x", "needs jwt_issuers"),
        (
            "jwt_audiences=a jwt_issuers=i jwt_jwks_path=/x ldaptls=1",
            "ldaptls can only stand behind",
        ),
    ],
)
def test_its_own_method(options, message) -> None:
    able = Yugabyte(15)
    *_, line = yugabyte.hba_lines("f", Texts({"f": f"host all all all jwt {options}"}), able)
    if message is None:
        assert rules.read(line.fields, able).method == "jwt"
    else:
        with pytest.raises(BadLineError, match=message):
            rules.read(line.fields, able)
