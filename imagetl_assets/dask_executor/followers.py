"""Which steps follow directly on another one, so that one worker can run them in a row."""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter

from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep

from imagetl_assets.dask_executor.batches import MAX_STEPS, needs_of


class Followers:
    """What follows on each step of a plan, apart from steps whose number the run decides."""

    def __init__(self, plan: ExecutionPlan) -> None:
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

    def of(self, step: ExecutionStep) -> list[ExecutionStep]:
        """Return steps to run after this one, each needing nothing but steps before it in the row.

        Where several could be next, it is the one with the longest way to the end of the run behind
        it, rather none that only checks; the others are free to run elsewhere at the same time.
        """
        row, keys = [step], {step.key}
        while len(row) < MAX_STEPS:
            next_ones = [
                each
                for each in self._following[row[-1].key]
                if self._needed[each.key] <= keys and needs_of(each) == needs_of(step)
            ]
            if not next_ones:
                break
            row.append(max(next_ones, key=self._urgency))
            keys.add(row[-1].key)
        return row[1:]

    def _urgency(self, step: ExecutionStep) -> tuple[int, bool]:
        only_checks = all(out.properties.asset_check_key for out in step.step_outputs)
        return self._longest_way[step.key], not only_checks
