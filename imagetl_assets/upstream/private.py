"""Addresses that are not to be connected to, if the settings say so.

An address is allowed only if it is a global one by the registries of special-purpose addresses of
the IANA, as Python's `ipaddress` knows them. Some IPv6 addresses hold an IPv4 address that a
gateway connects to: then that has to be a global one.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Prefixes whose last 32 bits are an IPv4 address: NAT64 (RFC 6052), and the deprecated
# IPv4-compatible addresses (RFC 4291, 2.5.5.1).
_ENDS_WITH_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
# NAT64 for local use (RFC 8215), which older versions of Python take for global.
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


class PrivateAddress(OSError):
    """A connection to an address that is not a public one; the message names it."""


def check_public(address: str) -> None:
    """Raise PrivateAddress unless an IP address is one of the public Internet."""
    if not is_public(address):
        raise PrivateAddress(f"the private address {address}, which the settings refuse")


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public Internet, as far as that can be known."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return _is_public(ip)
    embedded = _embedded(ip)
    if embedded:
        return all(map(_is_public, embedded))
    return _is_public(ip) and not ip.is_site_local and ip not in _LOCAL_NAT64


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _embedded(ip: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses in an IPv6 address."""
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    if ip.sixtofour:
        return [ip.sixtofour]
    if ip.teredo:
        return list(ip.teredo)
    if any(ip in network for network in _ENDS_WITH_IPV4):
        return [IPv4Address(ip.packed[-4:])]
    return []
