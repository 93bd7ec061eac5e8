"""When Dagster brings an asset up to date by itself.

An asset is due if the data version of an asset that it is made of has changed since it was last
handled. This is as in `AutomationCondition.eager`, except that a materialization alone does not
count: if a download was skipped because the stored file is still current, nothing has to be done.
An attempt that failed counts as handled. It is not repeated until there is something new.

A change has to be there at two evaluations in a row. At the first one, the run that has made the
change may still be on its way to this asset: Dagster sees that the asset above is materialized and
no longer in progress, but looks at what the run has materialized after it only at the next
evaluation. Without waiting for that, the asset would be requested a second time.

https://docs.dagster.io/guides/automate/declarative-automation explains the parts.
"""

from __future__ import annotations

from typing import Any

from dagster import AutomationCondition

Condition = AutomationCondition[Any]


def _handled() -> Condition:
    """Something has been done about the asset, or Dagster sees it for the first time."""
    return (
        AutomationCondition.newly_requested()
        | AutomationCondition.newly_updated()
        | AutomationCondition.execution_failed().newly_true()
        | AutomationCondition.initial_evaluation()
    )


def _due() -> Condition:
    """An asset above has changed since this one was handled, and was so one evaluation ago."""
    changed = AutomationCondition.any_deps_match(AutomationCondition.data_version_changed())
    due = changed.since(_handled())
    return due & ~due.newly_true()


def _requested_above() -> Condition:
    """An asset above is requested at this evaluation, so this one goes into the same run."""
    return AutomationCondition.any_deps_match(AutomationCondition.will_be_requested())


def _can_run() -> Condition:
    """Everything that the asset is made of is there, and nobody is at work on it."""
    return (
        ~AutomationCondition.any_deps_missing()
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
    )


UP_TO_DATE = (_due() | _requested_above()) & _can_run()
