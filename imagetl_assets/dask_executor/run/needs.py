"""What the tags of a step ask for: where it runs, before which others, and in what process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dagster import DagsterInvariantViolationError

from imagetl_assets.dask_executor.dagster_internals.names import PRIORITY_TAG
from imagetl_assets.dask_executor.wire.tasks import Isolation

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.dagster_internals.names import ExecutionStep

T = TypeVar("T", int, dict[str, float], list[str], bool)

# As dagster-dask names it: a JSON object from the name of a Dask resource to an amount.
RESOURCES_TAG = "dagster-dask/resource_requirements"
# A JSON list of addresses, names or hosts of the workers that may run the step.
WORKERS_TAG = "dagster-dask/workers"
# Whether others may run it, too, if these are busy: `true` or `false`, which is the default.
OTHER_WORKERS_TAG = "dagster-dask/allow_other_workers"
# Whether the step runs in a process of its own: `true` or `false`, or an object with the Python
# that runs it (`python`) and environment variables that it gets (`env`).
ISOLATE_TAG = "dagster-dask/isolate"


class Needs(NamedTuple):
    """What Dask is told of a batch; all of its steps need the same."""

    priority: int
    resources: tuple[tuple[str, float], ...]
    workers: tuple[str, ...] = ()
    other_workers: bool = False
    isolation: Isolation | None = None

    def submit_options(self) -> dict[str, Any]:
        """Return the needs as arguments of `Client.submit`."""
        options: dict[str, Any] = {"priority": self.priority}
        if self.resources:
            options["resources"] = dict(self.resources)
        if self.workers:
            options["workers"] = list(self.workers)
            options["allow_other_workers"] = self.other_workers
        return options


def needs_of(step: ExecutionStep, isolation: Isolation | None) -> Needs:
    """Return what the tags of a step ask for: `dagster/priority`, a number, and those above.

    Args:
        step: with the tags.
        isolation: of the step, unless its tags say otherwise.

    Raises:
        DagsterInvariantViolationError: the value of a tag is not as it has to be.
    """
    return Needs(
        _from_tag(step, PRIORITY_TAG, 0),
        tuple(sorted(_from_tag(step, RESOURCES_TAG, {}).items())),
        tuple(_from_tag(step, WORKERS_TAG, [])),
        _from_tag(step, OTHER_WORKERS_TAG, False),
        _isolation(step, isolation),
    )


def _isolation(step: ExecutionStep, default: Isolation | None) -> Isolation | None:
    text = step.tags.get(ISOLATE_TAG)
    if text is None:
        return default
    try:
        return Isolation.from_value(json.loads(text))
    except ValueError:
        raise DagsterInvariantViolationError(
            f"Step {step.key} has the tag {ISOLATE_TAG} with the value {text!r}, which has to be "
            'true, false or an object such as {"python": "/opt/a/bin/python", "env": {"A": "b"}} '
            "in JSON. Correct the tag of the op or asset."
        ) from None


def _from_tag(step: ExecutionStep, tag: str, default: T) -> T:
    """Return what a step's tag says in JSON, which has to be of the type of `default`."""
    text = step.tags.get(tag)
    if text is None:
        return default
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if type(value) is not type(default):
        kinds = {int: "a whole number", dict: "an object", list: "a list", bool: "true or false"}
        raise DagsterInvariantViolationError(
            f"Step {step.key} has the tag {tag} with the value {text!r}, which has to be "
            f"{kinds[type(default)]} in JSON. Correct the tag of the op or asset."
        )
    return value
