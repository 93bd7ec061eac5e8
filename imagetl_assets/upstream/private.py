"""Requests that do not go to private addresses, whatever names and redirects lead there.

The address is checked on the socket, once it is connected and before anything is sent: a name that
is looked up twice can have two addresses. Through a proxy, it is the proxy's.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class PrivateAddress(OSError):
    """A connection to an address that is not a public one; the message names it."""


def refuse_private_addresses(session: requests.Session) -> None:
    """Make the session connect to public addresses only."""
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())


def find_refusal(error: BaseException) -> PrivateAddress | None:
    """Return the refusal that `error` came from, if it did."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, PrivateAddress):
        cause = cause.__cause__ or cause.__context__
    return cause


def _checked(connected: socket.socket) -> socket.socket:
    address = str(connected.getpeername()[0])
    if not is_public(address):
        connected.close()
        raise PrivateAddress(f"the private address {address}, which the settings refuse")
    return connected


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public Internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_global) and not ip.is_multicast


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
