"""Which steps follow directly on another one, so that one worker can run them in a row.

To run the next step where the one before it ran spares a message to the run's process and a new
task, which is about 10 ms for each step.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter

from imagetl_assets.dask_executor.dagster_internals.names import ExecutionPlan, ExecutionStep
from imagetl_assets.dask_executor.run.needs import needs_of
from imagetl_assets.dask_executor.run.ready_steps import MAX_STEPS
from imagetl_assets.dask_executor.wire.tasks import Isolation


class Rows:
    """Which steps can run in a row after each step of a plan.

    Mapped steps are left out: how many there are is known only while the run goes on.
    """

    def __init__(self, plan: ExecutionPlan, isolation: Isolation | None) -> None:
        """Args: plan: with the steps. isolation: of steps whose tags do not say otherwise."""
        self._isolation = isolation
        to_execute = {*plan.step_keys_to_execute, *plan.executable_map}
        self._needed = {
            key: keys & to_execute
            for key, keys in plan.get_all_step_deps().items()
            if key in to_execute
        }
        self._following: dict[str, list[ExecutionStep]] = defaultdict(list)
        self._longest_way: dict[str, int] = defaultdict(int)  # in steps, to the end of the run
        for key in reversed(list(TopologicalSorter(self._needed).static_order())):
            step = plan.get_step_by_key(key)
            for before in self._needed[key]:
                way = max(self._longest_way[before], 1 + self._longest_way[key])
                self._longest_way[before] = way
                if isinstance(step, ExecutionStep):
                    self._following[before].append(step)

    def after(self, step: ExecutionStep) -> list[ExecutionStep]:
        """Return the steps to run after this one; each needs only steps before it in the row.

        If several steps could be next, the one is taken from which the way to the end of the run is
        the longest. Among equals, a step that only checks comes last. The steps that are not taken
        can run elsewhere at the same time.
        """
        needs = needs_of(step, self._isolation)
        row, keys = [step], {step.key}
        while len(row) < MAX_STEPS and not needs.isolation:
            next_ones = [
                each
                for each in self._following[row[-1].key]
                if self._needed[each.key] <= keys and needs_of(each, self._isolation) == needs
            ]
            if not next_ones:
                break
            row.append(max(next_ones, key=self._urgency))
            keys.add(row[-1].key)
        return row[1:]

    def _urgency(self, step: ExecutionStep) -> tuple[int, bool]:
        only_checks = all(out.properties.asset_check_key for out in step.step_outputs)
        return self._longest_way[step.key], not only_checks
