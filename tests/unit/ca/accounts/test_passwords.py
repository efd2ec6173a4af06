import pytest

from pgward.ca.accounts import passwords


@pytest.mark.parametrize("alphabet", passwords.ALPHABETS)
@pytest.mark.parametrize("length", [16, 128])
def test_a_password_has_a_letter_of_each_class(alphabet, length):
    made = passwords.make(length, alphabet).decode()
    classes = passwords.ALPHABETS[alphabet]
    assert len(made) == length
    assert set(made) <= set("".join(classes))
    assert all(set(made) & set(each) for each in classes)
    assert passwords.make(length, alphabet) != made.encode()
