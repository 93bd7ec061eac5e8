"""Which files there are upstream, and what tells their versions apart."""

from __future__ import annotations

import random
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from imagetl_assets.upstream.base import Limits
from imagetl_assets.upstream.errors import PermanentError, UpstreamError
from imagetl_assets.upstream.files import list_folder
from imagetl_assets.upstream.urls import file_url

# A tick of a sensor ends after 60 s whatever it is doing.
_HEAD_SECONDS = 30
_HEAD_THREADS = 16
_HEAD_LIMITS = Limits(connect=5, read=10)


@dataclass(frozen=True)
class Listing:
    """The files of an upstream at one moment.

    Attributes:
        found: a fingerprint of each file that is there, by name. It changes with the file.
        unknown: why nothing is known of a file at this moment, by name.
    """

    found: dict[str, str]
    unknown: dict[str, str]


def list_upstream(
    base: str, pattern: str, known: Collection[str], *, refuse_private: bool = False
) -> Listing:
    """List the files of a folder or bucket prefix; of an http(s) base, those of the `known` names.

    Args:
        base: as in `UpstreamFiles`.
        pattern: what a file's name has to match, such as ``*.img``. Hidden files never do.
        known: names of files to ask for where there is no listing.
        refuse_private: see `UpstreamFiles`.

    Raises:
        UpstreamError: the upstream does not answer, or is not there.
    """
    if urlsplit(base).scheme in ("http", "https"):
        return _heads(base, sorted(known), refuse_private=refuse_private)
    files = list_folder(base)
    wanted = {n: f for n, f in files.items() if fnmatchcase(n, pattern) and not n.startswith(".")}
    return Listing(wanted, {})


def _heads(base: str, names: list[str], *, refuse_private: bool) -> Listing:
    """Ask for each file by HEAD, some at a time, in a new order each time: time may run out."""
    from imagetl_assets.upstream.http import head_http

    deadline = time.monotonic() + _HEAD_SECONDS

    def ask(name: str) -> Any:
        if time.monotonic() > deadline:
            return PermanentError("there was no time to ask for it")
        try:
            url = file_url(base, name)
            answer = head_http(url, _HEAD_LIMITS, refuse_private=refuse_private)
            return answer and answer[0]
        except UpstreamError as error:
            return error

    with ThreadPoolExecutor(_HEAD_THREADS) as pool:
        order = random.sample(names, len(names))
        answers = dict(zip(order, pool.map(ask, order), strict=True))
    errors = {name: error for name, error in answers.items() if isinstance(error, UpstreamError)}
    if errors and len(errors) == len(names):
        raise next(iter(errors.values()))
    found = {name: mark for name, mark in answers.items() if isinstance(mark, str)}
    return Listing(found, {name: str(error) for name, error in errors.items()})
