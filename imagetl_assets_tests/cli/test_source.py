"""Which partition a bundle that is given to `imagetl run` becomes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from imagetl_assets.cli.source import open_source


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("https://example.org/images/a%20b.img?key=1#top", "a b.img"),
        ("http://example.org/images/a.img/", "a.img"),
        ("http://example.org:8000/", "example.org"),
        ("http://example.org", ""),
        ("http://example.org/?id=1", ""),
        ("s3://bucket/images/a%20b.img", "a%20b.img"),
        ("s3://bucket/a#b?c.img", "a#b?c.img"),
        ("all-images.img", "all-images.img"),
        ("s3://bucket/photos/", "photos"),
        ("s3://bucket/photos/**/*.jpg", "photos"),
    ],
)
def test_the_last_name_is_the_key(source: str, key: str) -> None:
    with open_source(source) as opened:
        assert opened.partition_key == key


def test_a_path_is_that_of_a_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a%20b.img").touch()
    (tmp_path / "photos" / "day").mkdir(parents=True)
    (tmp_path / "photos" / "day" / "a1.jpg").touch()
    for path in ("/", "/day/../", "/**/*.jpg", "/**/a?.jpg"):
        with open_source(f"{tmp_path}/photos{path}") as opened:
            assert opened.partition_key == "photos"
    (tmp_path / "a b.img").touch()
    with open_source(f"{tmp_path.as_uri()}/a%20b.img") as opened:
        assert opened.partition_key == "a b.img"
        assert opened.url == str(tmp_path / "a b.img")
    for path in ("", "/", "/**/*.jpg"):
        with open_source(f"{tmp_path.as_uri()}/photos{path}") as opened:
            assert opened.partition_key == "photos"
            assert opened.url == f"{tmp_path}/photos{path.rstrip('/')}"
    for path in ("a%20b.img", "./a%20b.img", str(tmp_path / "a%20b.img")):
        with open_source(path) as opened:
            assert opened.partition_key == "a%20b.img"
            assert opened.url == str(tmp_path / "a%20b.img")


@pytest.mark.parametrize(
    "path", ["./nope.img", "nope.img", "/data/nope.img", "file:///data/nope.img"]
)
def test_a_file_that_is_not_here(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGETL_UPSTREAM", str(tmp_path))
    with pytest.raises(click.ClickException, match=f"there is no file .*{path}"), open_source(path):
        pass


@pytest.mark.parametrize("upstream", ["upstream", "https://example.org/in"])
@pytest.mark.parametrize("pattern", ["*.jpg", "photos/*.jpg", "./p?.jpg"])
def test_a_pattern_that_matches_nothing(
    pattern: str, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGETL_UPSTREAM", upstream)
    with pytest.raises(click.ClickException, match="there is no file"), open_source(pattern):
        pass


def test_an_empty_source() -> None:
    with pytest.raises(click.UsageError, match="the source is empty"), open_source(""):
        pass


def test_it_is_said_that_the_upstream_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGETL_UPSTREAM", "https://me:secret@example.org/in")
    with open_source("a.img"):
        told = capsys.readouterr().err
    assert told == "there is no file a.img here; looking for https://example.org/in/a.img\n"


@pytest.mark.parametrize("url", ["http://", "s3://", "file:///"])
def test_a_url_of_nothing(url: str) -> None:
    with pytest.raises(click.UsageError, match=f"{url} names no file"), open_source(url):
        pass


def test_a_typing_error_is_told_before_the_run() -> None:
    told = "it has to be s3://bucket/a.img"
    with pytest.raises(click.UsageError, match=told), open_source("S3://bucket/a.img"):
        pass
