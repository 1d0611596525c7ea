"""Which network addresses a call to another organisation's server may reach. Pure: resolves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Admit = Callable[[Address], bool]
"""Returns whether a call may be made to an address."""

_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""Prefixes behind which a gateway reaches IPv4 addresses, including private ones (RFC 6052, RFC 8215)."""


def is_public(address: Address) -> bool:
    """Return whether an address lies in the public network: not on this machine, not beside it, and not behind a
    translation.
    """
    address = plain(address)
    if isinstance(address, IPv6Address):
        carries = address.sixtofour is not None or address.teredo is not None
        if carries or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def public_or_in(networks: Iterable[Network]) -> Admit:
    """Return a check that admits public addresses, and also those of some networks."""
    allowed = tuple(networks)

    def admit(address: Address) -> bool:
        return is_public(address) or lies_in(address, allowed)

    return admit


def lies_in(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether an address lies in one of some networks."""
    address = plain(address)
    return any(address in network for network in networks)


def plain(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 spelling of it (`::ffff:10.0.0.1`), otherwise the address itself."""
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def parsed(text: str) -> Address:
    """Return the address in a resolver's text, without its zone. Raises ValueError for any other text."""
    return ip_address(text.partition("%")[0])
