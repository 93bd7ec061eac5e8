"""Which cluster a run asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WantedCluster:
    """The cluster that a run asks for.

    Attributes:
        kind: a kind of the table in `kinds`, or `existing`, or `class`.
        options: the config of the kind.
        adapt: how the number of its workers follows the work. Empty: it does not.
        patience: seconds to wait for an answer of its scheduler.
    """

    kind: str
    options: Mapping[str, Any]
    adapt: Mapping[str, Any]
    patience: float
