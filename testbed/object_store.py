"""Object stores with the S3 API as processes of their own: OpenStack Swift, or moto's server.

    python -m testbed.object_store FOLDER [--kind moto] [--port 9000]

starts one, prints the environment that reaches it, and stops it with Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.request import urlopen

from testbed import NotHere
from testbed.environment import variables
from testbed.ports import LOOPBACK, free_ports
from testbed.processes import started, wait_for


@dataclass(frozen=True)
class ObjectStore:
    """A running store; `settings` are the environment variables that any client of it needs."""

    scheme: ClassVar[str] = "s3"

    url: str
    key: str
    secret: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def missing(kind: str) -> str | None:
    """Return why a store of this kind cannot be started here, or None."""
    if kind == "moto":
        absent = [name for name in ("moto", "flask", "flask_cors") if find_spec(name) is None]
        return f"not installed: {', '.join(absent)}" if absent else None
    programs = ["memcached", *(f"swift-{name}-server" for name in _SERVERS)]
    absent = [program for program in programs if not shutil.which(program)]
    return f"not installed: {', '.join(absent)}" if absent else None


def _demand(kind: str) -> None:
    """Raise NotHere if a store of this kind cannot be started here."""
    if problem := missing(kind):
        raise NotHere(f"no object store of kind {kind}: {problem}")


def moto_command(host: str, port: int) -> list[str]:
    """Return the command line of moto's server; it must not see the variables of its clients."""
    return [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]


@contextmanager
def moto(folder: Path, port: int = 0, host: str = LOOPBACK) -> Iterator[ObjectStore]:
    """Run moto's server, which keeps everything in memory. Raises NotHere."""
    _demand("moto")
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_ports(1, host)[0]
    store = ObjectStore(f"http://{host}:{port}", "moto", "moto-secret")
    program = moto_command(host, port)
    with started(program, _without_settings(os.environ), folder / "moto.log") as process:
        _wait_until_it_answers(store, [process], folder)
        yield store


@contextmanager
def swift(folder: Path, port: int = 0) -> Iterator[ObjectStore]:
    """Run OpenStack Swift with one replica; data, configuration and logs are kept in `folder`.

    Raises:
        NotHere: its programs are not installed.
    """
    _demand("swift")
    ports = [port or free_ports(1)[0], *free_ports(len(_SERVERS))]
    store = ObjectStore(f"http://{LOOPBACK}:{ports[0]}", "test:tester", "testing")
    _configure(folder, dict(zip(_SERVERS, ports, strict=False)), memcached=ports[-1])
    # Swift runs on the system's Python.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env["SWIFT_DIR"] = str(folder / "etc")
    programs = {"memcached": ["memcached", "-l", LOOPBACK, "-p", str(ports[-1]), "-u", "nobody"]}
    for name in _SERVERS:
        config = str(folder / "etc" / f"{name}-server.conf")
        programs[name] = [f"swift-{name}-server", config]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(started(program, env, folder / "log" / f"{name}.log"))
            for name, program in programs.items()
        ]
        _wait_until_it_answers(store, processes, folder / "log")
        yield store


KINDS: Mapping[str, Callable[[Path, int], AbstractContextManager[ObjectStore]]] = {
    "moto": moto,
    "swift": swift,
}


@contextmanager
def reached(store: ObjectStore) -> Iterator[None]:
    """Let the clients of this process reach the store while the block runs."""
    from fsspec import get_filesystem_class

    from imagetl_assets.storage import open_store

    with variables(store.settings):
        file_system = get_filesystem_class(store.scheme)
        file_system.clear_instance_cache()
        open_store.cache_clear()
        try:
            yield
        finally:  # Another store may be reached before this one, and after it again.
            file_system.clear_instance_cache()
            open_store.cache_clear()


def new_bucket(store: ObjectStore) -> str:
    """Create a bucket of its own; return its name."""
    name = f"test-{uuid.uuid4()}"
    create_bucket(store, name)
    return name


def create_bucket(store: ObjectStore, name: str) -> None:
    """Create a bucket unless it is there."""
    from botocore.session import get_session

    client = get_session().create_client(
        "s3",
        endpoint_url=store.url,
        aws_access_key_id=store.key,
        aws_secret_access_key=store.secret,
        region_name="us-east-1",
    )
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=name)


def uploads_under_way(url: str) -> list[Any]:
    """Return the multipart uploads in a URL's bucket that are neither complete nor given up."""
    from s3fs import S3FileSystem

    answer = S3FileSystem().call_s3("list_multipart_uploads", Bucket=url.split("/")[2])
    return list(answer.get("Uploads", []))


_SYSTEM_PYTHON = "/usr/bin/python3"  # which Debian's Swift is installed for
_SERVERS = ("proxy", "account", "container", "object")  # clients talk to the first

_SWIFT_CONF = """\
[swift-hash]
swift_hash_path_suffix = suffix
swift_hash_path_prefix = prefix
[storage-policy:0]
name = one
default = yes
"""

# Tells the servers where the one replica of everything is.
_RINGS = """\
import sys
from swift.common.ring import RingBuilder
etc, host, *ports = sys.argv[1:]
for name, port in zip(("account", "container", "object"), map(int, ports)):
    builder = RingBuilder(4, 1, 0)
    place = {"ip": host, "port": port, "device": "d1"}
    replication = {"replication_ip": place["ip"], "replication_port": port}
    builder.add_dev({"region": 1, "zone": 1, "weight": 1, **place, **replication})
    builder.rebalance()
    builder.get_ring().save(f"{etc}/{name}.ring.gz")
"""

_DEFAULT = """\
[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}/etc
devices = {folder}/devices
mount_check = false
disable_fallocate = true
"""

_BACKEND = """\
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""

_PROXY = """\
[pipeline:main]
pipeline = catch_errors cache bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = {host}:{memcached}
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin .reseller_admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


def _configure(folder: Path, ports: Mapping[str, int], memcached: int) -> None:
    """Write what the servers need to find each other; data that are there are kept."""
    etc = folder / "etc"
    for part in (etc, folder / "devices" / "d1", folder / "log"):
        part.mkdir(parents=True, exist_ok=True)
    (etc / "swift.conf").write_text(_SWIFT_CONF)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    for name, port in ports.items():
        own = _PROXY if name == "proxy" else _BACKEND
        text = (_DEFAULT + own).format(
            host=LOOPBACK, port=port, folder=folder, user=user, name=name, memcached=memcached
        )
        (etc / f"{name}-server.conf").write_text(text)
    backends = [str(port) for name, port in ports.items() if name != "proxy"]
    # One process for all rings, as its start takes longer than the rest.
    subprocess.run([_SYSTEM_PYTHON, "-c", _RINGS, str(etc), LOOPBACK, *backends], check=True)


def _without_settings(env: Mapping[str, str]) -> dict[str, str]:
    """moto would take the variables of its clients for its own."""
    return {name: value for name, value in env.items() if not name.startswith("AWS_")}


def _wait_until_it_answers(
    store: ObjectStore, processes: list[subprocess.Popen[bytes]], logs: Path
) -> None:
    def answers() -> bool:
        assert all(process.poll() is None for process in processes), f"not started: see {logs}"
        try:
            urlopen(store.url, timeout=5).close()
        except HTTPError:
            return True  # it does not know us, but it is there
        except OSError:
            return False
        return True

    wait_for(answers)


def main() -> None:
    """Run a store until it is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=list(KINDS), default="swift")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--bucket", help="is created if it is not there")
    options = parser.parse_args()
    if problem := missing(options.kind):
        sys.exit(f"{options.kind} cannot be started: {problem}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with KINDS[options.kind](options.folder.absolute(), options.port) as store:
        if options.bucket:
            create_bucket(store, options.bucket)
        for name, value in store.settings.items():
            print(f"export {name}={value}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
