"""What `imagetl run` is to be about."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import click

from imagetl_assets.names import has_pattern
from imagetl_assets.redact import redact_url

SAMPLE_NAME = "sample.img"
SAMPLE_FRAMES = 27


@dataclass(frozen=True)
class Source:
    """A bundle: its partition key, and its URL or path."""

    partition_key: str
    url: str


@contextmanager
def open_source(source: str | None) -> Iterator[Source]:
    """Yield what `source` means; the bundled sample is served while the block runs.

    Raises:
        click.ClickException: it is a file on this machine, and not there.
    """
    if source == "":
        raise click.UsageError("the source is empty: give a file, a folder, a pattern or a URL")
    if source is None:
        with _serve_sample() as url:
            yield Source(SAMPLE_NAME, url)
    elif "://" in source:
        yield _at_url(source)
    elif "/" in source or os.path.exists(source) or _matches_something(source):
        if not (os.path.exists(source) or _matches_something(source)):
            what = "file here like" if has_pattern(source) else "file or folder"
            raise click.ClickException(f"there is no {what} {source}")
        yield Source(_local_name(source), os.path.abspath(source))
    else:
        # Looked up here: the setting of this process counts, whatever that of a worker is.
        from imagetl_assets.settings import upstream_base
        from imagetl_assets.upstream.urls import file_url, is_local, local_path

        url = file_url(upstream_base(), source)
        if is_local(url):
            if not os.path.exists(local_path(url)):
                raise click.ClickException(f"there is no file {source} here, and none at {url}")
        elif "*" in source:  # no name of a file that anybody has
            raise click.ClickException(f"there is no file here like {source}")
        else:
            shown = redact_url(url)
            print(f"there is no file {source} here; looking for {shown}", file=sys.stderr)
        yield Source(source, url)


def _at_url(url: str) -> Source:
    """Return what is at a URL; what is on this machine is the same as by its path.

    Raises:
        click.ClickException: no download can find anything there.
    """
    from imagetl_assets.storage.filesystem import typing_error
    from imagetl_assets.upstream.urls import is_local, local_path

    if problem := typing_error(url):
        raise click.UsageError(problem)
    if not url.partition("://")[2].strip("/"):
        raise click.UsageError(f"{url} names no file: give the URL of one")
    if not is_local(url):
        return Source(_last_name(url), url)
    path = os.path.abspath(local_path(url))
    if not (os.path.exists(path) or _matches_something(path)):
        raise click.ClickException(f"there is no file or folder {url}")
    return Source(_local_name(path), path)


def _matches_something(pattern: str) -> bool:
    """Tell whether a pattern is about files here; else it may be the name of an upstream file."""
    from glob import iglob

    return has_pattern(pattern) and any(iglob(pattern, recursive=True))


def _local_name(path: str) -> str:
    """Return the name of a file or folder, or of the folder that a pattern is about."""
    path = os.path.abspath(path)
    while not os.path.lexists(path) and has_pattern(os.path.basename(path)):
        path = os.path.dirname(path)
    return os.path.basename(path)


def _last_name(url: str) -> str:
    """Return the name of the file at a URL, or of the host if the URL is that of its first page.

    Escapes have a meaning in http(s) URLs only.

    >>> _last_name("https://example.org/a%20b.img?key=1"), _last_name("s3://bucket/a%20b?.img")
    ('a b.img', 'a%20b?.img')
    >>> _last_name("https://example.org:8000/")
    'example.org'
    >>> _last_name("s3://bucket/day/"), _last_name("s3://bucket/day/*.jpg")
    ('day', 'day')
    """
    scheme, _, rest = url.partition("://")
    if scheme.lower() in ("http", "https"):
        parts = urlsplit(url)
        return unquote(parts.path.rstrip("/").rpartition("/")[2]) or _host(parts)
    names = rest.rstrip("/").split("/")
    while len(names) > 1 and "*" in names[-1]:  # the name of the folder that it is about
        names.pop()
    return names[-1]


def _host(url: SplitResult) -> str:
    """Return the host whose first page may list files; "" if the URL does not end with a slash."""
    is_page = url.path.endswith("/") and not url.query
    return (url.hostname or "") if is_page else ""


@contextmanager
def _serve_sample() -> Iterator[str]:
    """Serve the sample by HTTP on loopback; yield its URL."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    from imagetl_assets.sample import sample_bytes

    body = sample_bytes(SAMPLE_FRAMES)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing; the run's own progress is enough."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{SAMPLE_NAME}"
        finally:
            server.shutdown()
