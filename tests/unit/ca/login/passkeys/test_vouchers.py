import pytest

from pgward.ca.login.passkeys import vouchers
from pgward.ca.login.passkeys.credentials import NewPasskey
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.login.passkeys.vouchers import Brought, Expected
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER

VISIT = Visit.new(Errand.REGISTER, id="1", expires_at=START, thumbprint="jkt", user="alice")
NEW = NewPasskey(b"\0id", b"\xffkey", 3, "aaguid", ("usb",), backed_up=True)


def redeem(code, *, visit=VISIT, state=VISIT.state, **changed):
    facts = {"errand": Errand.REGISTER, "thumbprint": "jkt", "now": START}
    brought = Brought(code=code, state=state)
    return vouchers.redeem(SEALER, brought, Expected.of(visit), **facts | changed)


def test_a_voucher_comes_back_whole():
    voucher = vouchers.of_registration(VISIT, NEW, START)
    assert redeem(vouchers.seal(SEALER, voucher)) == voucher


@pytest.mark.parametrize(
    "changed",
    [
        {"thumbprint": "other"},
        {"errand": Errand.LOGIN},
        {"visit": Visit.new(Errand.REGISTER, id="2", expires_at=START)},
        {"state": "other"},
        {"state": "é"},
    ],
)
def test_a_voucher_is_for_one_device_one_errand_and_one_visit(changed):
    code = vouchers.seal(SEALER, vouchers.of_registration(VISIT, NEW, START))
    with pytest.raises(DeniedError, match="another login"):
        redeem(code, **changed)


def test_the_longest_voucher_fits_a_redirect():
    new = NewPasskey(b"i" * 1023, b"k" * 1024, 0, "a" * 36, (), backed_up=False)
    code = vouchers.seal(SEALER, vouchers.of_registration(VISIT, new, START))
    assert len(code) < vouchers.MAX_LENGTH
    assert redeem(code).new == new
