"""Addresses that are not to be connected to, if the settings say so."""

from __future__ import annotations

import ipaddress


class PrivateAddress(OSError):
    """A connection to an address that is not a public one; the message names it."""


def check_public(address: str) -> None:
    """Raise PrivateAddress unless an IP address is one of the public Internet."""
    if not is_public(address):
        raise PrivateAddress(f"the private address {address}, which the settings refuse")


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public Internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_global) and not ip.is_multicast
