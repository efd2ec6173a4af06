"""``HOST:PORT`` on a command line."""

import click

from pgward.core.address import Address
from pgward.core.errors import InvalidInputError


class AddressType(click.ParamType[Address]):
    """Reads an Address; a mistake is one of usage."""

    name = "host:port"

    def convert(
        self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Return the address."""
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(value)
        except InvalidInputError as error:
            self.fail(error.message, param, ctx)
