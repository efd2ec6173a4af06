from pgward.ca.login.factors import present


def has_any(logins, user="alice"):
    with logins.desk.store.read() as connection:
        return present.has_any(connection, user, logins.desk.settings)


def test_an_app_is_one_and_codes_alone_are_none(logins, factors):
    factors.add_codes()
    assert not has_any(logins)
    factors.add_app()
    assert (has_any(logins), has_any(logins, "root")) == (True, False)


def test_a_passkey_is_one_where_it_can_be_used(logins, passkeys, monkeypatch):
    passkeys.add()
    assert (has_any(logins), has_any(logins, "root")) == (True, False)
    monkeypatch.setattr(present.site, "of", lambda _settings: None)
    assert not has_any(logins)
