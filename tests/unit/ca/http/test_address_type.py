import click
import pytest

from pgward.ca.http.address_type import AddressType
from pgward.core.address import Address


def test_text_becomes_an_address_and_an_address_stays():
    convert = AddressType().convert
    assert convert("h:1", None, None) == convert(Address("h", 1), None, None) == Address("h", 1)


def test_anything_else_is_a_mistake_of_usage():
    with pytest.raises(click.UsageError, match="is not an address"):
        AddressType().convert("h", None, None)
