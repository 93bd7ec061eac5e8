"""All comparisons, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.comparisons.clip import clip
from benchmarks.comparisons.conversion import conversion
from benchmarks.comparisons.films import films
from benchmarks.comparisons.growth import growth
from benchmarks.comparisons.object_store import object_store
from benchmarks.comparisons.pipeline import cold, many_frames, real_bundle
from benchmarks.comparisons.replacements import replacements
from benchmarks.comparisons.scaling import scaling
from benchmarks.comparisons.sources import sources
from benchmarks.comparisons.steps import steps


@dataclass(frozen=True)
class Comparison:
    """A comparison: its title in the report, and the function that measures it."""

    title: str
    measure: Callable[[Bench], None]


COMPARISONS = {
    "real-bundle": Comparison("A bundle of 27 frames, everything warm", real_bundle),
    "many-frames": Comparison("More frames: time and memory", many_frames),
    "cold": Comparison("Cold: from the shell's prompt to the clip", cold),
    "steps": Comparison("Steps alone: static, mapped, retried", steps),
    "clip": Comparison("Images alone: find, join, convert", clip),
    "conversion": Comparison("Photos to an animated GIF: time and quality", conversion),
    "object-store": Comparison("Results in a bucket", object_store),
    "replacements": Comparison(
        "What replaced parts of Dagster save: 27 frames, warm", replacements
    ),
    "sources": Comparison("Photos from archives and folders", sources),
    "films": Comparison("Films: a video to a GIF, photos to an MP4", films),
    "growth": Comparison("Growth: a hundred times as many frames, and so on", growth),
    "scaling": Comparison("More workers, more bundles", scaling),
}
