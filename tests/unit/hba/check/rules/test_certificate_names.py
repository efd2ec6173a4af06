import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of

SSL = "hostssl all all all"


def found(rule: str, hba: str, ident: str = "", version: int = 16) -> list[str]:
    subject = subject_of(Example(hba, ident, version=version))
    return [f"{place}: {message}" for place, message, *_ in BY_ID[rule].look(subject)]


@pytest.mark.parametrize(
    ("version", "option", "said"),
    [
        (12, "md5 clientcert=1", "clientcert=verify-ca is the same"),
        (13, "cert clientcert=1", "clientcert=verify-full is the same"),
        (13, "cert clientcert=verify-ca", "clientcert=verify-full is the same"),
        (13, "md5 clientcert=no-verify", "leave it out"),
        (13, "md5 clientcert=verify-ca", None),
        (13, "md5 clientcert=verify-full", None),
        (13, "cert", None),
        (11, "md5 clientcert=1", None),
        (16, "md5 clientcert=verify-ca", None),
    ],
)
def test_words_that_14_refuses(version, option, said) -> None:
    messages = found("HBA038", f"{SSL} {option}", version=version)
    assert [each.rpartition(": ")[2] for each in messages] == ([said] if said else [])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CN=ann,OU=dba,O=x", None),
        ("CN=ann", None),
        ("OU=dba,O=x", None),
        ("CN=Ann\\, Dr.,O=x", None),
        ("CN=ann+UID=7,O=x", None),
        ("2.5.4.3=ann,O=x", None),
        ("/^CN=.*,O=x$", None),
        ("CN=ann, O=x", "PostgreSQL writes no blanks"),
        ("O=x,OU=dba,CN=ann", "PostgreSQL mostly writes the CN first"),
        ("/O=x/CN=ann", "it begins with a slash"),
        ("ann", "it is no DN"),
    ],
)
def test_names(name, said) -> None:
    messages = found("HBA039", f"{SSL} cert clientname=DN map=m", f'm "{name}" ann')
    assert [f": {said}" in each for each in messages] == ([True] if said else [])
    assert all(each.startswith("/ident:1:3: ") for each in messages)


def test_maps_of_other_lines_have_other_names() -> None:
    both = f"{SSL} cert clientname=DN map=m\n{SSL} cert map=m"
    assert found("HBA039", both, "m ann ann") == []
    assert found("HBA039", f"{SSL} cert map=m", "m ann ann") == []
    assert len(found("HBA039", f"{SSL} cert clientname=DN map=m", "m ann ann\nn ann ann")) == 1
