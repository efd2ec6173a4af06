from pgward.hba.syntax.cockroach_tokens import parse


def hidden(text: str) -> str:
    (split,) = parse(text.encode())
    return split.line.hidden(["ldapbindpasswd="])


def test_secrets_are_hidden_however_they_are_written() -> None:
    start = "host all all all ldap "
    for secret in ("ldapbindpasswd=x", 'ldapbindpasswd="a b"', '"ldapbindpasswd=a b"'):
        assert hidden(f"{start}{secret} a=b") == f"{start}ldapbindpasswd=… a=b"
    assert hidden(f"{start}ldapbindpasswd= x,y") == f"{start}ldapbindpasswd=…"
    assert hidden(f"{start}a=b") == f"{start}a=b"
    assert hidden(f"{start}a=b,ldapbindpasswd=x c=d") == f"{start}a=b,ldapbindpasswd=… c=d"


def test_what_is_missing_stands_at_the_end() -> None:
    (split,) = parse(b"  a b  # c")
    assert split.line.place(2) == (1, 6)
    assert split.line.place(1, 9) == (1, 5)
