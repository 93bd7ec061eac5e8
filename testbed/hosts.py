"""Hosts within one machine: network namespaces joined by a bridge, or addresses of loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed import NotHere


@dataclass(frozen=True)
class Host:
    """A place for processes, with an address of its own."""

    name: str
    address: str
    is_namespace: bool

    def prefix(self, hidden: Path) -> list[str]:
        """How a command begins that is to run there.

        In a namespace, which has a loopback of its own, this folder is another, empty one.
        """
        if not self.is_namespace:
            return []
        script = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
        return ["ip", "netns", "exec", self.name, "sh", "-c", script, str(hidden)]


@dataclass(frozen=True)
class Network:
    """Hosts, and the address by which they reach this process's."""

    address: str
    hosts: list[Host]


@contextmanager
def loopback(count: int) -> Iterator[Network]:
    """Yield hosts that need no rights, and keep nothing apart but addresses and folders."""
    hosts = [Host(f"imghost-{index}", f"127.0.0.{index + 2}", False) for index in range(count)]
    for host in hosts:
        with socket.socket() as probe:
            try:
                probe.bind((host.address, 0))
            except OSError as error:
                raise NotHere(f"no address {host.address} on loopback: {error}") from error
    yield Network("127.0.0.1", hosts)


@contextmanager
def network(count: int) -> Iterator[Network]:
    """Create hosts for the block. Raises NotHere where that is not allowed."""
    number = os.getpid() % 250
    subnet, bridge = f"10.213.{number}", f"imgbr{number}"
    with ExitStack() as stack:
        _create(["link", "add", bridge, "type", "bridge"], ["link", "del", bridge], stack)
        _ip("addr", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = [
            Host(f"imghost{number}-{index}", f"{subnet}.{index + 2}", is_namespace=True)
            for index in range(count)
        ]
        for index, host in enumerate(hosts):
            _create(["netns", "add", host.name], ["netns", "del", host.name], stack)
            cable = f"imgveth{number}-{index}"
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("link", "set", cable, "master", bridge, "up")
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", host.name, "link", "set", device, "up")
        yield Network(f"{subnet}.1", hosts)


def _create(create: list[str], delete: list[str], stack: ExitStack) -> None:
    if shutil.which("ip") is None:
        raise NotHere("needs the program ip: apt-get install iproute2")
    try:
        _ip(*create)
    except subprocess.CalledProcessError as error:
        problem = error.stderr.strip()
        raise NotHere(f"may not create network namespaces: {problem}") from error
    stack.callback(_ip, *delete)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
