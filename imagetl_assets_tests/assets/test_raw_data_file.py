"""The upstream file as the first asset stores it: when it is fetched, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey

from testbed import bundles, http_server
from testbed.http_server import HttpServer
from testbed.pipeline import Outcome, Pipeline


def test_a_second_run_skips_the_download(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", bundles.small_bundle())
    first = pipeline.run()
    second = pipeline.run()
    assert second.success
    assert [status for _, status in server.requests] == [200, 304]
    assert not first.metadata("raw_data_file")["skipped"]
    assert second.metadata("raw_data_file")["skipped"]
    assert second.metadata("clip_gif")["frames"] == 3
    versions = [
        event.asset_materialization.tags["dagster/data_version"]
        for event in pipeline.instance.fetch_materializations(
            AssetKey("raw_data_file"), limit=2
        ).records
        if event.asset_materialization and event.asset_materialization.tags
    ]
    assert versions == [hashlib.sha256(bundles.small_bundle()).hexdigest()] * 2


def test_skip_uses_no_network(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", bundles.small_bundle())
    assert pipeline.run().success
    outcome = pipeline.run(raw={"on_existing": "skip", "url": "http://127.0.0.1:1/gone"})
    assert outcome.success
    assert outcome.metadata("raw_data_file")["skipped"]
    assert len(server.requests) == 1


def test_skip_takes_a_file_that_a_user_has_put_there(pipeline: Pipeline) -> None:
    pipeline.file("").mkdir(parents=True)
    pipeline.file("image-data.img").write_bytes(bundles.small_bundle(4))
    outcome = pipeline.run(raw={"on_existing": "skip"})
    assert outcome.success
    assert outcome.metadata("raw_data_file")["skipped"]
    assert outcome.metadata("clip_gif")["frames"] == 4


def test_redownload_and_changed_files_are_fetched(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", bundles.small_bundle())
    assert pipeline.run().success
    assert not pipeline.run(raw={"on_existing": "redownload"}).metadata("raw_data_file")["skipped"]
    pipeline.file("image-data.img").write_bytes(b"somebody wrote here")
    outcome = pipeline.run()
    assert outcome.success
    assert not outcome.metadata("raw_data_file")["skipped"]
    assert pipeline.file("image-data.img").read_bytes() == bundles.small_bundle()


HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.mark.parametrize(
    ("body", "step", "problem"),
    [
        (b"", "raw_data_file", "is empty"),
        (HTML, "raw_data_file", "HTML"),
        (b"\n" * 9, "raw_data_file", "newlines"),
    ],
)
def test_bad_content_is_refused_before_it_replaces_anything(
    pipeline: Pipeline, server: HttpServer, body: bytes, step: str, problem: str
) -> None:
    server.add_file("/all-images.img", bundles.small_bundle())
    assert pipeline.run().success
    before = _contents(pipeline.root)
    server.add_file("/all-images.img", body)
    outcome = pipeline.run()
    assert outcome.failed_step == step
    assert problem in outcome.failure
    assert _contents(pipeline.root) == before
    assert server.count("/all-images.img") == 2  # not tried again


def test_bad_content_leaves_no_clip(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", HTML)
    assert not pipeline.run().success
    assert not pipeline.file("clip.gif").exists()
    assert not pipeline.file("image-data.img").exists()


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\0b", "frames/x", ".imagetl/x"])
def test_paths_that_leave_their_place_are_refused(
    pipeline: Pipeline, server: HttpServer, path: str
) -> None:
    server.add_file("/all-images.img", bundles.small_bundle())
    assert "path" in pipeline.run(raw={"path": path}).failure
    assert server.requests == []
    assert "path" in pipeline.run(clip={"filename": path}).failure


def test_a_size_limit(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", bundles.small_bundle(50))
    assert "limit of 1,000 bytes" in pipeline.run(raw={"max_bytes": 1000}).failure
    assert server.count("/all-images.img") == 1


def test_404_is_not_tried_again(pipeline: Pipeline, server: HttpServer) -> None:
    assert "status 404" in pipeline.run().failure
    assert len(server.requests) == 1


def test_503_is_tried_again_after_ten_seconds(pipeline: Pipeline, server: HttpServer) -> None:
    body = http_server.file(bundles.small_bundle())
    server.add("/all-images.img", http_server.in_turn(http_server.status(503), body))
    outcome = pipeline.run(raw={"url": _with_secrets(f"{server.url}/all-images.img")})
    assert outcome.success
    (retry,) = [event for event in outcome.result.all_events if event.is_step_up_for_retry]
    assert retry.step_retry_data.seconds_to_wait == 10
    assert "s3cret" not in _event_log(pipeline, outcome)


def test_credentials_go_nowhere(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/ok.img", bundles.small_bundle())
    server.add("/moved", http_server.status(302, Location="ftp://u:s3cret@elsewhere/?sig=s3cret"))
    urls = [f"{server.url}/{path}" for path in ("ok.img", "missing.img", "moved")]
    urls += ["http://[bad/x", "nonsense://host/x", "ftp://127.0.0.1:bad/x"]
    outcomes = [pipeline.run(raw={"url": _with_secrets(url)}) for url in urls]
    assert [outcome.success for outcome in outcomes] == [True] + 5 * [False]
    for outcome in outcomes:
        assert "s3cret" not in _event_log(pipeline, outcome)
    assert not any(b"s3cret" in content for content in _contents(pipeline.root).values())


def _contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def _with_secrets(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://user:s3cret@{rest}?X-Amz-Signature=s3cret"


def _event_log(pipeline: Pipeline, outcome: Outcome) -> str:
    from dagster_shared.serdes import serialize_value

    entries: list[Any] = list(pipeline.instance.all_logs(outcome.result.run_id))
    return "\n".join(serialize_value(entry) for entry in entries)
