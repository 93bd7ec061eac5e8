"""`imagetl dev` serves what is stored, and the documentation, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest
import requests

from imagetl_assets.cli.docs_pages import docs_folder
from imagetl_assets.cli.file_server import file_server
from testbed.ports import free_ports
from testbed.processes import PROJECT


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "storage" / "ä 1.img"
    (folder / ".imagetl").mkdir(parents=True)
    (folder / "clip.gif").write_bytes(b"GIF89a")
    (folder / "page.html").write_text("<script>alert(1)</script>")
    (folder / ".imagetl" / "clip_gif.json").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    return tmp_path / "storage"


@pytest.fixture
def url(storage: Path) -> Iterator[str]:
    (port,) = free_ports(1)
    with file_server(storage, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}"


def test_a_clip_can_be_opened(url: str) -> None:
    answer = requests.get(f"{url}/%C3%A4%201.img/clip.gif", timeout=10)
    assert answer.content == b"GIF89a"
    assert answer.headers["content-type"] == "image/gif"


def test_a_player_can_ask_for_a_part(url: str) -> None:
    part = {"Range": "bytes=3-5"}
    answer = requests.get(f"{url}/%C3%A4%201.img/clip.gif", headers=part, timeout=10)
    assert (answer.status_code, answer.content) == (206, b"89a")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing.gif",
        "%C3%A4%201.img/",
        "%C3%A4%201.img/.imagetl/clip_gif.json",
        "%C3%A4%201.img/link",
        "..%2Fsecret",
        "%C3%A4%201.img/..%2F..%2Fsecret",
        ".docs/",
        ".docs/pyproject.toml",
        ".docs/imagetl_assets/definitions.py",
        ".docs/docs/..%2Fpyproject.toml",
        ".docs/deploy/env",
        ".docs/docs/nothing.md",
        ".docs/.state/x.md",
        f".docs/docs/{'x' * 300}.md",
        ".docs/docs/%00.md",
        f"{'x' * 300}.gif",
        "%00.gif",
    ],
)
def test_nothing_else_can(url: str, path: str) -> None:
    assert requests.get(f"{url}/{path}", timeout=10).status_code == 404


def test_scripts_of_strangers_do_not_run(url: str) -> None:
    headers = requests.get(f"{url}/%C3%A4%201.img/page.html", timeout=10).headers
    assert headers["content-security-policy"].startswith("sandbox;")
    assert headers["x-content-type-options"] == "nosniff"


def test_each_page_of_the_documentation_is_shown(url: str) -> None:
    pages = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", PROJECT / "deploy" / "README.md"]
    for path in [*pages, *sorted((PROJECT / "docs").glob("*.md"))]:
        page = f"{url}/.docs/{path.relative_to(PROJECT)}"
        answer = requests.get(page, timeout=10)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1 " in answer.text
        assert "&lt;!--" not in answer.text
        for link in re.findall(r'(?:src|href)="([^":]+)"', answer.text):
            target = urljoin(page, link)
            found = requests.get(target, timeout=10)
            assert found.ok, link
            assert "#" not in target or f'id="{urldefrag(target).fragment}"' in found.text, link


def test_without_a_folder_there_is_only_the_documentation() -> None:
    (port,) = free_ports(1)
    with file_server(None, "127.0.0.1", port):
        url = f"http://127.0.0.1:{port}"
        assert requests.get(f"{url}/.docs/docs/README.md", timeout=10).ok
        assert requests.get(f"{url}/clip.gif", timeout=10).status_code == 404


def test_in_a_folder_that_is_not_there_yet_nothing_is_found(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with file_server(tmp_path / "later", "127.0.0.1", port):
        url = f"http://127.0.0.1:{port}/clip.gif"
        assert requests.get(url, timeout=10).status_code == 404
        (tmp_path / "later").mkdir()
        (tmp_path / "later" / "clip.gif").write_bytes(b"GIF89a")
        assert requests.get(url, timeout=10).ok


def test_the_docs_of_another_package_are_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").touch()
    assert docs_folder(tmp_path) is None
    assert docs_folder(PROJECT) == PROJECT / "docs"


def test_it_is_over_with_its_block(storage: Path) -> None:
    (port,) = free_ports(1)
    with file_server(storage, "127.0.0.1", port):
        pass
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=10)
