"""Which addresses count as public ones, if private ones are refused."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetl_assets.upstream.private import PrivateAddress, check_public, is_public


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",  # NAT64 of 8.8.8.8
        "2002:808:808::1",  # 6to4 of 8.8.8.8
    ],
)
def test_public_addresses_are_allowed(address: str) -> None:
    check_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",  # cloud metadata
        "100.64.0.1",  # shared address space
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",  # documentation
        "198.18.0.1",  # benchmarks
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",  # site-local
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",  # IPv4-compatible
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
        "64:ff9b:1::a00:1",  # NAT64 for local use of 10.0.0.1
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:a9fe:a9fe::1",  # 6to4 of 169.254.169.254
        "2001:0:7f00:1::",  # Teredo with a server on 127.0.0.1
    ],
)
def test_private_addresses_are_refused(address: str) -> None:
    with pytest.raises(PrivateAddress, match="which the settings refuse"):
        check_public(address)


WAYS_TO_EMBED = (
    "::ffff:{:x}:{:x}",
    "::{:x}:{:x}",
    "64:ff9b::{:x}:{:x}",
    "64:ff9b:1::{:x}:{:x}",
    "2002:{:x}:{:x}::1",
)


@given(st.ip_addresses(v=4).filter(lambda ip: not ip.is_global), st.sampled_from(WAYS_TO_EMBED))
def test_no_embedding_makes_a_private_address_public(
    address: ipaddress.IPv4Address, way: str
) -> None:
    assert not is_public(way.format(int(address) >> 16, int(address) & 0xFFFF))
