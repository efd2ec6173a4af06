from pgward.ca.records import CaName, CertificateRecord, Kind
from tests.fixtures.authority import START


def test_serial_numbers_are_lower_case_hex_without_zeros():
    record = CertificateRecord(0x0ABC, CaName.USER_ROOT, Kind.PERSON, "a", START, START, "00")
    assert record.serial_hex == "abc"


def test_names_are_what_files_and_urls_have():
    expected = ["user-root", "user-issuing", "server-root", "server-issuing"]
    assert [str(name) for name in CaName] == expected
