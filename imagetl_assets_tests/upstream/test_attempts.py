"""What a run does with a download that fails: try again, when, and when not."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path

import pytest
from dagster import DagsterEventType

from testbed import bundles, http_server
from testbed.http_server import HttpServer, Request
from testbed.pipeline import Outcome, Pipeline

BUSY = http_server.status(503, Retry_After="2")


def waits(outcome: Outcome) -> list[float | None]:
    """Return the seconds that Dagster waited before each further attempt."""
    return [
        event.step_retry_data.seconds_to_wait
        for event in outcome.result.all_events
        if event.event_type is DagsterEventType.STEP_UP_FOR_RETRY
    ]


def test_a_busy_server_says_when_to_ask_again(pipeline: Pipeline, server: HttpServer) -> None:
    times = []

    def busy_for_2_seconds(request: Request) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            BUSY(request)
        else:
            request.reply(200, bundles.small_bundle())

    server.add("/a.img", busy_for_2_seconds)
    outcome = pipeline.run("a.img")
    assert outcome.success
    assert waits(outcome) == [2]  # Dagster's own waiting, which holds no worker
    assert times[1] - times[0] >= 2


def test_a_busy_server_is_asked_three_times(pipeline: Pipeline, server: HttpServer) -> None:
    server.add("/a.img", http_server.status(429, Retry_After="0"))
    outcome = pipeline.run("a.img")
    assert outcome.failure.endswith("/a.img answers with status 429: Too Many Requests")
    assert waits(outcome) == [1, 1]
    assert server.count("/a.img") == 3


def test_a_wait_above_the_limit_is_no_wait(pipeline: Pipeline, server: HttpServer) -> None:
    server.add("/a.img", http_server.status(503, Retry_After="901"))
    outcome = pipeline.run("a.img")
    assert "asks to wait 901 s, but `max_retry_after` is 900 s" in outcome.failure
    assert waits(outcome) == []
    raised = pipeline.run("b.img", raw={"url": server.add("/b.img", BUSY), "max_retry_after": 1})
    assert "`max_retry_after` is 1 s" in raised.failure


@pytest.mark.parametrize("code", [401, 403, 404, 410, 206, 501])
def test_what_cannot_pass_is_asked_once(pipeline: Pipeline, server: HttpServer, code: int) -> None:
    server.add("/a.img", http_server.status(code, Retry_After="1"))
    assert f"status {code}" in pipeline.run("a.img").failure
    assert server.count("/a.img") == 1


def test_a_path_that_cannot_be_written_is_tried_once(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/a.img", bundles.small_bundle())
    path = pipeline.root / "a.img" / "raw"
    path.parent.mkdir(parents=True)
    path.write_text("a file where a folder has to be")
    outcome = pipeline.run("a.img", raw={"path": "raw/a.img"})
    assert outcome.failure == (
        f"{path}/a.img cannot be written: a file is where a folder has to be"
    )
    assert waits(outcome) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_tried_once(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/a.img", bundles.small_bundle())
    folder = pipeline.root / "a.img"
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    assert "cannot be written: permission denied" in pipeline.run("a.img").failure
    assert server.count("/a.img") <= 1


def test_a_download_does_not_fill_the_disk(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the disk for others is never written to, whatever the length."""
    usage = shutil.disk_usage(pipeline.root.parent)
    almost_full = usage._replace(total=100 * 1024**3, free=1024**3)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: almost_full)
    server.add_file("/a.img", bundles.small_bundle())
    outcome = pipeline.run("a.img")
    assert (
        outcome.failure
        == f"{pipeline.root}: the disk has no room for it; make room and run it again"
    )
    assert [path for path in pipeline.root.rglob("*.img") if path.is_file()] == []


def test_a_file_that_may_have_been_cut_is_told_and_fetched_again(
    pipeline: Pipeline, server: HttpServer
) -> None:
    """Neither a length nor an end: only the end of the connection ends the body."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("ETag", '"a"')
        request.end_headers()
        request.wfile.write(bundles.small_bundle())

    server.add("/a.img", answer)
    outcome = pipeline.run("a.img")
    assert "a part cannot be told from the whole" in outcome.metadata("raw_data_file")["caution"]
    assert pipeline.run("a.img").metadata("raw_data_file")["skipped"] is False


def test_a_compressed_file_is_stored_as_it_was(
    pipeline: Pipeline, server: HttpServer, tmp_path: Path
) -> None:
    body = bundles.small_bundle()
    server.add("/a.img", lambda r: r.reply(200, gzip.compress(body), Content_Encoding="gzip"))
    assert pipeline.run("a.img").success
    assert pipeline.file("image-data.img", "a.img").read_bytes() == body
