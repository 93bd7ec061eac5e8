"""What the sensor tells of a look: why it requests nothing, and what is not as it should be."""

from __future__ import annotations

from imagetl_assets.automation.watch import Change, Decision, Limits
from imagetl_assets.upstream.listing import Listing

# More names are told as a number.
_NAMES = 3

_SIZES_ONLY = (
    "Of {:,} files, the upstream tells the size only: a change that keeps the size is not seen"
)


def summary(listing: Listing, decision: Decision, limits: Limits, moment: int) -> str:
    """Return why nothing is requested: how many files there are, which of them wait, and for what.

    Args:
        listing: the look.
        decision: what follows from it.
        limits: that were set for the decision.
        moment: of the look, in milliseconds since 1970.
    """
    files = len(listing.found)
    parts = [
        "1 file" if files == 1 else f"{files:,} files",
        f"{len(decision.seen.waiting):,} waiting",
        *([f"{len(listing.unusable):,} cannot be used"] if listing.unusable else []),
        *([f"{len(listing.unknown):,} give no answer"] if listing.unknown else []),
    ]
    reasons: dict[str, list[str]] = {}
    for name, change in decision.seen.waiting.items():
        why = "no answer" if name in listing.unknown else _reason(change, limits, moment)
        reasons.setdefault(why, []).append(name)
    waiting = (f"; {why}: {_some(names)}" for why, names in reasons.items())
    only = ". " + _SIZES_ONLY.format(len(listing.sizes_only)) if listing.sizes_only else ""
    return f"Nothing is due: {', '.join(parts)}{''.join(waiting)}{only}"


def unusual(listing: Listing, decision: Decision) -> list[str]:
    """Return a line for each thing that is not as it should be."""
    lines = [
        *(f"{n} has vanished from the upstream; its results are kept" for n in decision.vanished),
        *(f"{n!r} is left alone: {why}" for n, why in sorted(listing.unusable.items())),
        *(f"Nothing is known of {n}: {why}" for n, why in sorted(listing.unknown.items())),
    ]
    if listing.sizes_only:
        lines.append(_SIZES_ONLY.format(len(listing.sizes_only)))
    return lines


def _reason(change: Change, limits: Limits, moment: int) -> str:
    if change.moment == moment:
        return "new or changed, so the next look has to find the same"
    rest = limits.quiet_ms - (moment - change.moment)
    if rest > 0:
        return "has to stay as it is for some time (IMAGETL_QUIET_SECONDS)"
    return "has to wait for its turn, as the runs of one look are limited (IMAGETL_RUNS_PER_TICK)"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"
