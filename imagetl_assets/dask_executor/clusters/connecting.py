"""Connects to a scheduler, or says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dask
from dask.utils import parse_timedelta
from distributed import Client, Security
from distributed.comm.addressing import get_address_host_port

from imagetl_assets.dask_executor.clusters.errors import DaskClusterError

SEND_SECONDS = 0.001


@contextmanager
def connect(address: str, patience: float, security: Any = None) -> Iterator[Client]:
    """Connect a client to the scheduler at `address`, and close it after the block.

    Args:
        address: such as `tcp://scheduler:8786`.
        patience: how many seconds to wait at most, if that is less than Dask's own setting
            `distributed.comm.timeouts.connect`.
        security: a `distributed.Security`, or None for what Dask's config says.

    Raises:
        DaskClusterError: it is no address, there is no answer, or the connection cannot be
            encrypted as it has to.
    """
    _check_address(address)
    _check_encryption(address, security)
    timeout = min(patience, parse_timedelta(dask.config.get("distributed.comm.timeouts.connect")))
    try:
        client = Client(address, timeout=timeout, security=security, set_as_default=False)
    except OSError as error:
        raise DaskClusterError(
            f"No Dask scheduler answers at {address}: {error}. Start one there (`dask scheduler`) "
            "or correct the address in the executor's config. If it uses TLS, its address begins "
            "with tls:// and this process needs a certificate of the same authority."
        ) from None
    # Dask sends what it has for the scheduler every 10 ms: a batch would wait that long for the
    # next turn if it follows on another message.
    comm: Any = client.scheduler_comm
    comm.interval = SEND_SECONDS
    try:
        yield client
    finally:
        with suppress(OSError, asyncio.TimeoutError):
            client.close(timeout=2)


def _check_address(address: str) -> None:
    """Refuse what is no address: a client that was made with it could not even be closed."""
    if address.startswith("inproc://"):
        return
    try:
        get_address_host_port(address)
    except ValueError as error:
        raise DaskClusterError(
            f"{address!r} is not the address of a Dask scheduler, such as tcp://host:8786: {error}"
        ) from None


def _check_encryption(address: str, security: Any) -> None:
    """Refuse what a client could not connect with: it would fail late, and say little."""
    scheme = address.partition("://")[0]
    try:
        settings = (security or Security()).get_connection_args("client")
        problem = "has no certificate" if scheme == "tls" and not settings["ssl_context"] else ""
        if settings["require_encryption"] and scheme == "tcp":  # gateway:// is encrypted, too
            problem = "must not connect without TLS (distributed.comm.require-encryption)"
    except OSError as error:
        problem = f"cannot read its certificate: {error}"
    if problem:
        raise DaskClusterError(
            f"The Dask scheduler's address is {address}, but this process {problem}. Give a tls:// "
            "address and set DASK_DISTRIBUTED__COMM__TLS__CA_FILE and "
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT (with ..._CLIENT__KEY if the key is in a "
            "file of its own) to files that exist."
        )
