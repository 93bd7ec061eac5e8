"""What the listing names, a run finds: odd names, on each kind of upstream."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagetl_assets.storage.filesystem import open_filesystem
from imagetl_assets.upstream import (
    Known,
    Limits,
    open_upstream,
)
from imagetl_assets.upstream.listing import list_upstream
from imagetl_assets.upstream.urls import file_url
from imagetl_assets_tests.upstream.reading import read
from testbed.http_server import HttpServer
from testbed.object_store import ObjectStore, new_bucket, reached

NAMES = st.text(
    st.sampled_from("ab:%#?,.; &+=~@!$'()[]{}*|<>\"üé☀\u202e2"), min_size=1, max_size=12
).map(lambda text: f"{text}.img")
ODD = ["a,b.img", "c...d.img", "a::b.img", "a%20b.img", "a b.img", "#.img", "?x=1.img", "ü☀.img"]


def check_that_runs_find_what_is_listed(base: str, names: set[str]) -> None:
    listing = list_upstream(base, "*.img", list(names))
    assert set(listing.found) | set(listing.unusable) == {n for n in names if n[0] != "."}
    for name in listing.found:
        assert read(file_url(base, name)) == name.encode()


@settings(max_examples=60, deadline=None)
@given(st.sets(NAMES, max_size=5), st.sampled_from(["plain", "a b%20c", "d#e?f", "g::h"]))
@example(set(ODD), "plain")
def test_names_in_a_folder(names: set[str], inner: str) -> None:
    """By its path and by its URL."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, inner)
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(name.encode())
        check_that_runs_find_what_is_listed(str(folder), names)
        check_that_runs_find_what_is_listed(folder.as_uri(), names)


@settings(max_examples=60, deadline=None)
@given(st.sets(NAMES, max_size=5), st.sampled_from(["plain", "a b%20c", "d#e?f", "g::h"]))
@example(set(ODD), "plain")
def test_names_in_another_file_system(names: set[str], inner: str) -> None:
    files = MemoryFileSystem()
    files.store.clear()
    for name in names:
        files.pipe_file(f"/root/{inner}/{name}", name.encode())
    if names:
        check_that_runs_find_what_is_listed(f"memory://root/{inner}", names)


def test_names_on_a_server(server: HttpServer) -> None:
    for name in ODD:
        server.add_file(f"/{quote(name)}", name.encode())
    check_that_runs_find_what_is_listed(server.url, set(ODD))


def test_names_in_a_bucket(moto_store: ObjectStore) -> None:
    with reached(moto_store):
        base = f"s3://{new_bucket(moto_store)}/up"
        fs, path = open_filesystem(base)
        for name in ODD:
            fs.pipe_file(f"{path}/{name}", name.encode())
        check_that_runs_find_what_is_listed(base, set(ODD))


def test_names_within_an_archive(tmp_path: Path) -> None:
    """What no run could find, as fsspec takes it for something else, is named."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ODD:
            archive.writestr(name, name)
    base = f"zip://::file://{tmp_path}/all.zip"
    listing = list_upstream(base, "*.img", [])
    assert set(listing.unusable) == {"a::b.img"}
    for name in listing.found:
        assert read(file_url(base, name)) == name.encode()


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[str]:
    """A real FTP server for a folder `ftp`; yields its URL."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    (tmp_path / "ftp").mkdir()
    authorizer = DummyAuthorizer()
    authorizer.add_user("me", "secret", str(tmp_path / "ftp"), perm="elr")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"ftp://me:secret@127.0.0.1:{server.address[1]}"
    server.close_all()


def test_a_change_on_an_ftp_server_is_seen_and_fetched(ftp: str, tmp_path: Path) -> None:
    file = tmp_path / "ftp" / "a.img"
    file.write_bytes(b"first")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    before = list_upstream(ftp, "*.img", [])
    with open_upstream(f"{ftp}/a.img", Known(), Limits()) as opened:
        assert opened is not None
        assert b"".join(opened.blocks) == b"first"
    known = Known(opened.etag)
    with open_upstream(f"{ftp}/a.img", known, Limits()) as again:
        assert again is None
    file.write_bytes(b"other")
    after = list_upstream(ftp, "*.img", [])
    assert after.found.keys() == before.found.keys()
    assert after.found != before.found
    assert after.sizes_only == set()
    with open_upstream(f"{ftp}/a.img", known, Limits()) as changed:
        assert changed is not None
        assert b"".join(changed.blocks) == b"other"


def test_names_on_an_ftp_server(ftp: str, tmp_path: Path) -> None:
    for name in ODD:
        (tmp_path / "ftp" / name).write_bytes(name.encode())
    check_that_runs_find_what_is_listed(ftp, set(ODD))
