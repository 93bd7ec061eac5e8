"""Runs by way of the UI's server, as the UI does it."""

from __future__ import annotations

from typing import Any

import requests

from testbed.processes import wait_for

_LAUNCH = """mutation Launch($partition: String!) {
    launchRun(executionParams: {
        selector: {
            repositoryLocationName: "imagetl_assets",
            repositoryName: "__repository__",
            jobName: "image_etl",
        },
        runConfigData: {},
        executionMetadata: {tags: [{key: "dagster/partition", value: $partition}]}
    }) {
        __typename
        ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message }
    }
}"""
_RUNS = """query Runs($tags: [ExecutionTag!]!) {
    runsOrError(filter: {tags: $tags}) {
        ... on Runs { results { runId status tags { key value } } }
    }
}"""
_OVER = {"SUCCESS", "FAILURE", "CANCELED"}


def query(ui: str, text: str, **variables: Any) -> Any:
    body = {"query": text, "variables": variables}
    answer = requests.post(f"{ui}/graphql", json=body, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def launch(ui: str, partition: str) -> str:
    """Launch `image_etl` for a partition; return the run's id."""

    def answer() -> Any:
        launched = query(ui, _LAUNCH, partition=partition)["launchRun"]
        # The UI may have looked for the code location before that was up; it looks again.
        return launched["__typename"] != "PipelineNotFoundError" and launched

    launched = wait_for(answer, 180)
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def wait_for_run(ui: str, partition: str, seconds: float = 400) -> tuple[str, str]:
    """Wait until the one run of a partition is over; return its id and status."""

    def over() -> Any:
        tags = [{"key": "dagster/partition", "value": partition}]
        runs = query(ui, _RUNS, tags=tags)["runsOrError"]["results"]
        assert len(runs) <= 1, runs
        return runs and runs[0]["status"] in _OVER and runs[0]

    run = wait_for(over, seconds)
    return run["runId"], run["status"]
