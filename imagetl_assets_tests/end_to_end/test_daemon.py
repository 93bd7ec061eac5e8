"""All that runs by itself, as it does in use: a real daemon, a real cluster, a real webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from testbed import bundles
from testbed.processes import started, wait_for
from testbed.shell import Shell
from testbed.webhook import Webhook, receive

SECRET = "s3cret"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with receive() as running:
        yield running


@pytest.fixture
def shell_with_daemon(shell: Shell, webhook: Webhook, tmp_path: Path) -> Iterator[Shell]:
    env = {
        **shell.env,
        "IMAGETL_PATTERN": "watched-*.img",  # the folder has files of other tests, too
        "IMAGETL_NOTIFY_URLS": webhook.url,
        "IMAGETL_UI_URL": "https://dagster.example.org/",
        "IMAGETL_SENSOR_SECONDS": "1",
    }
    daemon = shell.command("dagster-daemon", "run", "-m", "imagetl_assets.definitions")
    with started(daemon, env, tmp_path / "daemon.log"):
        yield shell


def test_a_dropped_file_its_clip_and_one_message_for_each_run(
    shell_with_daemon: Shell, webhook: Webhook
) -> None:
    shell = shell_with_daemon
    with DagsterInstance.from_config(str(shell.home)) as instance:
        for number, (bundle, status, title) in enumerate(
            (
                (
                    bundles.small_bundle(3),
                    DagsterRunStatus.SUCCESS,
                    "imagetl: watched-x.img succeeded",
                ),
                (
                    bundles.damaged_bundle()[0],
                    DagsterRunStatus.FAILURE,
                    "imagetl: watched-x.img failed",
                ),
                (
                    bundles.small_bundle(4),
                    DagsterRunStatus.SUCCESS,
                    "imagetl: watched-x.img recovered",
                ),
            ),
            start=1,
        ):
            shell.add_file("watched-x.img", bundle)
            wait_for(_has(webhook, number), 90)
            run = instance.get_runs(limit=1)[0]
            assert run.status is status, webhook.messages
            message = webhook.messages[-1]
            assert message["title"] == title
            assert f"https://dagster.example.org/runs/{run.run_id}" in message["message"]
        assert "frame 1 at byte" in webhook.messages[1]["message"]
        assert len(bundles.pixels(shell.clip("watched-x.img"))) == 4
        assert len(instance.get_runs()) == len(webhook.messages) == 3
    for path in shell.home.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def _has(webhook: Webhook, number: int) -> Callable[[], bool]:
    return lambda: len(webhook.messages) >= number
