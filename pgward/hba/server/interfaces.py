"""This machine's own addresses and networks, which samehost and samenet mean."""

from ipaddress import IPv4Interface, IPv6Address, IPv6Interface, ip_interface

import psutil


def interfaces() -> tuple[IPv4Interface | IPv6Interface, ...]:
    """Return each address with its network; what is no IP address is left out."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            interface = read(each.address, each.netmask)
            if interface is not None:
                found.append(interface)
    return tuple(found)


def read(address: str, mask: str | None) -> IPv4Interface | IPv6Interface | None:
    """Return an address and its mask as the system gives them; None for a network card's."""
    plain = address.partition("%")[0]
    try:
        if mask and ":" in mask:
            mask = str(int(IPv6Address(mask)).bit_count())
        return ip_interface(f"{plain}/{mask}" if mask else plain)
    except ValueError:
        return None
