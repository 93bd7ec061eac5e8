"""Web folders: pages that web servers make of a folder, with a link to each file in it.

Apache (mod_autoindex), nginx (autoindex), `python -m http.server` and others write such pages.
There is no standard for them, so only the links count: those that lead to a file directly below the
page, or to a folder there, which has such a page of its own. Size, time and version of a file are
what the server answers to HEAD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from itertools import chain
from urllib.parse import unquote, urljoin, urlsplit

from imagetl_assets.images.bundles.members import EXTENSIONS, extension, natural_order
from imagetl_assets.redact import redact_url
from imagetl_assets.upstream.base import Known, Limits, UpstreamFile
from imagetl_assets.upstream.errors import PermanentError, TransientError
from imagetl_assets.upstream.folder import Folder, ImageFile, ReadMany
from imagetl_assets.upstream.folder_tar import Earlier, open_folder
from imagetl_assets.upstream.http import look_at_http, open_http

_MOST_PAGE_BYTES = 32 * 1024 * 1024
_THREADS = 8
# Pages may be made up without end.
_MOST_FOLDERS = 10_000
_DEEPEST = 16


@contextmanager
def open_web_folder(
    place: WebPlace, known: Known, earlier: Earlier
) -> Iterator[UpstreamFile | None]:
    """Open the images that a page lists as a TAR; if there is no page, the file that is there.

    Yields None if nothing has changed.

    Raises:
        UpstreamError: see there.
    """
    url, limits = place.url, place.limits
    with open_http(url, known, limits, refuse_private=place.refuse_private) as file:
        first = b"" if file is None else next(file.blocks, b"")
        if file is None or not first.lstrip().startswith(b"<"):
            yield file and replace(file, blocks=chain([first], file.blocks))
            return
    with open_folder(place, known, limits, earlier) as folder:
        yield folder


@dataclass(frozen=True)
class WebPlace:
    """A web folder.

    Attributes:
        url: of the page; its path ends with a slash.
        limits: of each request, and of all images together.
        refuse_private: see `open_upstream`.
        include: a pattern of the names of images; None for all that have the extension of one.
    """

    url: str
    limits: Limits
    refuse_private: bool = False
    include: str | None = None

    @property
    def root(self) -> str:
        """The URL of the folder, without what follows on its path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def look(self) -> Folder:
        """List the images, and ask for each of them. Raises UpstreamError."""
        files, others = self._files()
        wanted = {name: url for name, url in files.items() if self._is_image(name)}
        with ThreadPoolExecutor(_THREADS) as pool:
            images = list(pool.map(self._image, wanted, wanted.values()))
        images.sort(key=lambda image: natural_order(image.name))
        return Folder(self.root, tuple(images), sorted({*files, *others} - wanted.keys()))

    def reader(self) -> ReadMany:
        """Return what reads images by their names; it raises UpstreamError."""
        files, _ = self._files()

        def read_many(names: Sequence[str]) -> Iterator[bytes]:
            with ThreadPoolExecutor(_THREADS) as pool:
                yield from pool.map(lambda name: self._read(files.get(name), name), names)

        return read_many

    def _is_image(self, name: str) -> bool:
        if self.include is not None:
            return fnmatchcase(name, self.include)
        return extension(name) in EXTENSIONS

    def _files(self) -> tuple[dict[str, str], list[str]]:
        """Return the URL of each file by name, and the names of folders that cannot be listed."""
        page = self._read(self.url, "", _MOST_PAGE_BYTES)
        files, level = _listed(page, self.root, "")
        others: list[str] = []
        count = 0
        for _ in range(_DEEPEST):
            if (count := count + len(level)) > _MOST_FOLDERS:
                raise PermanentError(
                    f"{redact_url(self.root)} has more than {_MOST_FOLDERS:,} folders: name one of "
                    "them"
                )
            with ThreadPoolExecutor(_THREADS) as pool:
                pages = list(pool.map(self._page, level, level.values()))
            deeper: dict[str, str] = {}
            for (name, url), page_or_none in zip(level.items(), pages, strict=True):
                if page_or_none is None:
                    others.append(name)
                    continue
                found, folders = _listed(page_or_none, url.rstrip("/"), name)
                files.update(found)
                deeper.update(folders)
            level = deeper
        return files, [*others, *level]

    def _page(self, name: str, url: str) -> bytes | None:
        """Return the page of a folder; None if it has none, or keeps it to itself."""
        try:
            page = self._read(url, name, _MOST_PAGE_BYTES)
        except PermanentError:
            return None
        return page if page.lstrip().startswith(b"<") else None

    def _image(self, name: str, url: str) -> ImageFile:
        found = look_at_http(url, None, self.limits, refuse_private=self.refuse_private)
        if found is None:
            raise TransientError(f"{redact_url(self.root)}/{name} is listed, but not there")
        mark, versioned = found
        _, modified, length = mark.split("|") if mark.count("|") == 2 else ("", "", "")
        if not length.isdecimal():
            raise PermanentError(
                f"{redact_url(self.root)}/{name}: the server does not tell its size"
            )
        return ImageFile(name, int(length), mark if versioned else None, _seconds(modified))

    def _read(self, url: str | None, name: str, most: int | None = None) -> bytes:
        shown = f"{redact_url(self.root)}/{name}"
        if url is None:
            raise TransientError(f"{shown} is not listed any more")
        limits = self.limits if most is None else replace(self.limits, max_bytes=most)
        with open_http(url, Known(), limits, refuse_private=self.refuse_private) as file:
            assert file is not None  # only a known file can be unchanged
            return b"".join(file.blocks)


def _listed(page: bytes, root: str, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the URLs of files, and of folders, that a page lists, by the prefix and their names.

    The name of a folder ends with a slash.
    """
    links = links_of(page.decode(errors="replace"), root)
    named = {prefix + name: url for name, url in links.items()}
    files = {name: url for name, url in named.items() if not name.endswith("/")}
    return files, {name: url for name, url in named.items() if name.endswith("/")}


def links_of(page: str, root: str) -> dict[str, str]:
    """Return the URLs of what is directly in a folder and a page links to, by name.

    The name of a folder, and its URL, end with a slash.

    Links to other places, to hidden files, and those with a query (by which pages are sorted) are
    left out.

    Args:
        page: HTML.
        root: the URL of the folder, without a slash at its end.
    """
    links = _Links()
    links.feed(page)
    base = urlsplit(root)
    found: dict[str, str] = {}
    for link in links.found:
        try:
            parts = urlsplit(urljoin(f"{root}/", link.strip()))
            is_here = (parts.hostname, parts.port) == (base.hostname, base.port)
        except ValueError:
            continue  # it is no URL
        path = parts.path.removeprefix(f"{base.path}/")
        name = unquote(path, errors="strict") if path.isascii() and _is_utf8(path) else path
        is_below = path != parts.path and parts.scheme == base.scheme and is_here
        is_name = bool(name.strip("/")) and "/" not in name.removesuffix("/")
        if is_below and is_name and not name.startswith(".") and not parts.query:
            found[name] = f"{root}/{path}"
    return found


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _is_utf8(path: str) -> bool:
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _seconds(modified: str) -> float:
    try:
        return parsedate_to_datetime(modified).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0
