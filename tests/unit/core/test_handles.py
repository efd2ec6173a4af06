import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core import handles
from pgward.core.handles import Handle, HandleKind

OTP = "otp-" + "abcdefghijklmnopqrstuvwxyz"
TOKEN = "tk-" + "abcdefgh234567ab"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (OTP, Handle(HandleKind.OTP, OTP, None)),
        (f"app~{OTP}", Handle(HandleKind.OTP, OTP, "app")),
        (f"~{OTP}", Handle(HandleKind.OTP, OTP, None)),
        (f"a~b~{OTP}", Handle(HandleKind.OTP, OTP, "a~b")),
        (f"Größe x~{OTP}", Handle(HandleKind.OTP, OTP, "Größe x")),
        (TOKEN, Handle(HandleKind.TOKEN, TOKEN, None)),
        (f"~{TOKEN}", Handle(HandleKind.TOKEN, TOKEN, None)),
        (f"app~{TOKEN}", Handle(HandleKind.TOKEN, TOKEN, "app")),
        (f"{TOKEN}~{OTP}", Handle(HandleKind.OTP, OTP, TOKEN)),
        (f"a\nb~{OTP}", Handle(HandleKind.OTP, OTP, "a\nb")),
    ],
)
def test_a_handle_stands_behind_the_last_tilde(user, expected):
    assert handles.read(user) == expected


@pytest.mark.parametrize(
    "user",
    [
        *("", "app", "otp", "otp-", "tk-", "~", "app~", "a~b"),
        *(OTP[:-1], OTP + "a", OTP.upper(), f"app{OTP}", f"app-{OTP}", f"{OTP}~", f"{OTP}~app"),
        *(TOKEN[:-1], TOKEN + "a", TOKEN.replace("2", "1"), f"{OTP}\n", f" {OTP}", f"{TOKEN} "),
    ],
)
def test_everything_else_is_the_name_of_a_role(user):
    assert handles.read(user) is None


@given(st.binary(min_size=16, max_size=16), st.text())
def test_what_is_made_is_read_with_any_role(data, role):
    made = handles.new_one_time(lambda _: data)
    assert handles.read(f"{role}~{made}") == Handle(HandleKind.OTP, made, role or None)
    token = handles.new_token_id(lambda size: data[:size])
    assert handles.read(f"{role}~{token}") == Handle(HandleKind.TOKEN, token, role or None)


@given(st.text())
def test_any_text_is_a_handle_or_a_role(user):
    found = handles.read(user)
    assert found is None or user.endswith(found.text)


def test_two_are_never_the_same():
    assert handles.new_one_time() != handles.new_one_time()
    assert handles.new_token_id() != handles.new_token_id()


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (OTP, "otp-…"),
        (f"app~{OTP}", "app~otp-…"),
        (f"app~{OTP[:20]}", "app~otp-…"),
        (f"{OTP.upper()}xyz", "otp-…"),
        (TOKEN, TOKEN),
        ("otp-app", "otp-app"),
        ("app", "app"),
    ],
)
def test_what_is_shown_has_no_one_time_password_in_it_nor_half_of_one(user, expected):
    assert handles.shown(user) == expected


def test_a_handle_is_not_in_its_repr():
    found = handles.read(OTP)
    assert OTP not in repr(found)
