"""What a row of the table says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Replacement:
    """A private part of Dagster, alembic or SQLAlchemy that is replaced.

    Attributes:
        name: by which it can be switched off.
        purpose: `speed` replacements can be left out at no other cost. Without a `safety` one,
            something that README.md promises does not hold; the reason is in `why`.
        replaces: what it replaces, and what it does instead.
        why: what is slow or fragile without it.
        saves: what it saves, as measured.
        proposal: what Dagster could offer, so that this need not be replaced.
        test: the test that shows it, as `file::function` in the tests of this folder.
        written_for: the functions that it replaces or relies on, as `module:qualified.name`. Of
            each, the digests of the sources that it is right for, with the versions of Dagster
            that have them.
    """

    name: str
    purpose: Literal["speed", "safety"]
    replaces: str
    why: str
    saves: str
    proposal: str
    test: str
    written_for: Mapping[str, Mapping[str, str]]
