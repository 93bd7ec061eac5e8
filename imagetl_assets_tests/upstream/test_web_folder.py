"""Pages that list files: as web servers write them, and as others might."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bundles import served
from imagetl_assets.upstream import Known, Limits, UpstreamError, open_upstream
from imagetl_assets.upstream.web_folder import links_of
from testbed.bundles import small_bundle, tiny_frame
from testbed.http_server import HttpServer, status
from testbed.pipeline import Pipeline

APACHE = """<html><head><title>Index of /day</title></head><body><table>
<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td></tr>
<tr><td><a href="2.png">2.png</a></td><td>2024-01-01 10:00</td><td>12K</td></tr>
<tr><td><a href="10%20%26.png">10 &amp;.png</a></td></tr>
<tr><td><a href="sub/">sub/</a></td></tr></table></body></html>"""
NGINX = """<html><head><title>Index of /day/</title></head><body><h1>Index of /day/</h1><hr><pre>
<a href="../">../</a>
<a href="2.png">2.png</a>      01-Jan-2024 10:00    12345
<a href="10%20%26.png">10 &amp;.png</a>
</pre><hr></body></html>"""
ABSOLUTE = """<a href="/day/2.png">2</a> <a href='https://host:8080/day/10%20%26.png#top'>10</a>
<a href="https://elsewhere/day/3.png">3</a> <a href="/other/4.png">4</a> <a href=".hidden.png">h</a>
<a href="../day/../5.png">5</a> <a href="http://host:8080/day/6.png">6</a> <a href="a%2Fb.png">7</a>
<a href="javascript:alert(1)">8</a> <a href="http://[nonsense/9.png">9</a> <a name="x">10</a>"""
ROOT = "https://host:8080/day"


@pytest.mark.parametrize("page", [APACHE, NGINX, ABSOLUTE])
def test_links_to_files_directly_below_count(page: str) -> None:
    folders = {"sub/": f"{ROOT}/sub/"} if page == APACHE else {}
    assert links_of(page, ROOT) == {
        "2.png": f"{ROOT}/2.png",
        "10 &.png": f"{ROOT}/10%20%26.png",
        **folders,
    }


@given(st.text() | st.lists(st.text()).map(lambda t: "".join(f'<a href="{x}">' for x in t)))
def test_no_page_leads_elsewhere(page: str) -> None:
    for name, url in links_of(page, ROOT).items():
        assert url.startswith(f"{ROOT}/")
        assert name.endswith("/") == url.endswith("/")
        assert "/" not in name.removesuffix("/")
        assert not name.startswith(".")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "web" / "day"
    folder.mkdir(parents=True)
    for number in (1, 2, 10):
        (folder / f"{number} ä#.png").write_bytes(tiny_frame(number, format="PNG"))
    (folder / "notes.txt").write_text("text")
    return folder


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with served(folder.parent) as base:
        yield f"{base}/day/"


def test_a_page_is_a_bundle_that_grows(pipeline: Pipeline, folder: Path, url: str) -> None:
    outcome = pipeline.run("day", raw={"url": url})
    assert outcome.success
    assert outcome.names() == ["1 ä#.png", "2 ä#.png", "10 ä#.png"]
    assert outcome.metadata("raw_data_file")["other files"] == 1
    assert pipeline.run("day", raw={"url": url}).metadata("raw_data_file")["skipped"]
    (folder / "11.png").write_bytes(tiny_frame(11, format="PNG"))
    grown = pipeline.run("day", raw={"url": url})
    assert grown.metadata("raw_data_file")["images kept from before"] == 3
    assert grown.metadata("clip_gif")["frames"] == 4


def test_folders_below_belong_to_it(pipeline: Pipeline, folder: Path, url: str) -> None:
    """In the order that they have on a disk; one that cannot be listed is told of."""
    deeper = folder / "sub ü" / "deeper"
    deeper.mkdir(parents=True)
    (deeper / "3.png").write_bytes(tiny_frame(3, format="PNG"))
    (folder / "sub ü" / "4.png").write_bytes(tiny_frame(4, format="PNG"))
    (folder / "empty").mkdir()
    outcome = pipeline.run("day", raw={"url": url})
    assert outcome.success
    on_disk = pipeline.run("disk", raw={"url": str(folder)})
    assert outcome.names() == on_disk.names()
    assert set(outcome.names()) >= {"sub ü/4.png", "sub ü/deeper/3.png"}
    chosen = pipeline.run("day", raw={"url": url, "include": "sub*"})
    assert chosen.names() == ["sub ü/4.png", "sub ü/deeper/3.png"]


def test_a_folder_that_cannot_be_listed_is_told_of(server: HttpServer) -> None:
    server.add("/day/closed/", status(403))
    server.add_file("/day/file/", small_bundle())
    server.add_file("/day/1.png", tiny_frame(1, format="PNG"))
    links = "".join(f'<a href="{name}">x</a>' for name in ("1.png", "closed/", "file/", "gone/"))
    url = server.add_file("/day/", links.encode())
    with open_upstream(url, Known(), Limits()) as file:
        assert file is not None
        archive = tarfile.open(fileobj=io.BytesIO(b"".join(file.blocks)))  # noqa: SIM115
    assert archive.getnames() == ["1.png"]
    assert file.facts["other files"] == 3


def test_pages_without_end_are_left(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    page = b'<a href="next/">x</a><a href="1.png">y</a>'
    for depth in range(5):
        server.add_file(f"/day/{'next/' * depth}", page)
        server.add_file(f"/day/{'next/' * depth}1.png", tiny_frame(depth, format="PNG"))
    monkeypatch.setattr("imagetl_assets.upstream.web_folder._DEEPEST", 2)
    with open_upstream(f"{server.url}/day/", Known(), Limits()) as file:
        assert file is not None
        archive = tarfile.open(fileobj=io.BytesIO(b"".join(file.blocks)))  # noqa: SIM115
    assert sorted(archive.getnames()) == ["1.png", "next/1.png", "next/next/1.png"]
    monkeypatch.setattr("imagetl_assets.upstream.web_folder._MOST_FOLDERS", 1)
    assert "has more than 1 folders: name one of them" in problem(f"{server.url}/day/")


def test_times_and_a_choice_of_images(folder: Path, url: str) -> None:
    os.utime(folder / "2 ä#.png", (1e9, 1e9))
    with open_upstream(url, Known(), Limits(), include="2*") as file:
        assert file is not None
        archive = tarfile.open(fileobj=io.BytesIO(b"".join(file.blocks)))  # noqa: SIM115
    (member,) = archive.getmembers()
    assert (member.name, member.mtime) == ("2 ä#.png", 1e9)


def test_a_file_at_such_a_url_is_still_a_file(server: HttpServer) -> None:
    url = server.add_file("/latest/", small_bundle(2))
    with open_upstream(url, Known(), Limits()) as file:
        assert file is not None
        assert b"".join(file.blocks) == small_bundle(2)
        known = Known(file.etag)
    with open_upstream(url, known, Limits()) as again:
        assert again is None


def problem(url: str) -> str:
    with pytest.raises(UpstreamError) as raised, open_upstream(url, Known(), Limits()):
        pass
    return str(raised.value)


def test_what_is_wrong_is_told_in_one_line(server: HttpServer) -> None:
    url = server.add_file("/day/", b'<a href="1.png">1</a>')
    assert problem(url) == f"{url}1.png is listed, but not there"
    server.add("/day/1.png", status(500))
    assert "500" in problem(url)
    empty = server.add_file("/empty/", b'<html><a href="notes.txt">n</a></html>')
    assert problem(empty).startswith(
        f"there are no images in {empty[:-1]}, but another file, notes.txt"
    )
