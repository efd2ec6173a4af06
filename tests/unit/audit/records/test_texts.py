from pgward.audit.records.texts import about, decoded, prepared


def test_bytes_that_are_no_text_are_shown():
    assert decoded(b"a\xffb") == "a\\xffb"


def test_a_text_without_its_secrets_is_sensitive():
    assert about(b"select 1") == {"text": "select 1"}
    assert about(b"alter role a password 'x'") == {
        "text": "alter role a password '***'",
        "sensitive": True,
    }
    assert about(b"select password from x") == {"text": "select password from x"}


def test_a_prepared_statement_is_known_with_its_secret_parameters():
    for filler in (b"", b" " * 5000):
        told, secret = prepared(b"select 1 where password = $2" + filler)
        assert (told["text"].strip(), secret) == ("select 1 where password = $2", {2})
