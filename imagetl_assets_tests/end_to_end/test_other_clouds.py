"""The pipeline from bucket to bucket on Google Cloud Storage and Azure, as on S3.

Requests are not counted here, as in `test_bucket.py`: these stores' own libraries make them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import DagsterInstance

from imagetl_assets.upstream.listing import list_upstream
from imagetl_assets_tests.end_to_end.test_bucket import check, event_log, results, upload
from testbed import bundles, cloud_emulators, s3_proxy
from testbed.object_store import reached
from testbed.pipeline import Pipeline
from testbed.s3_proxy import S3Proxy

NAME = "ü [1] a?.img"  # what globbing or a URL would take for something else


@pytest.fixture(scope="module", params=list(cloud_emulators.KINDS))
def proxy(request: pytest.FixtureRequest) -> Iterator[S3Proxy]:
    store = request.getfixturevalue(f"{request.param}_store")
    with s3_proxy.proxied(store) as running, reached(running.store):
        yield running


@pytest.fixture
def short_pauses(proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the libraries wait for a hundredth of the time before they try again."""
    import gcsfs.retry
    from azure.storage.blob._shared.policies_async import AsyncStorageRetryPolicy

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    async def sleep_of_azure(policy: Any, settings: Any, transport: Any) -> None:
        await sleep(policy.get_backoff_time(settings))

    monkeypatch.setattr(gcsfs.retry, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(AsyncStorageRetryPolicy, "sleep", sleep_of_azure)


@pytest.fixture
def bucket(proxy: S3Proxy, tmp_path: Path) -> Iterator[Pipeline]:
    """The job, from one place in a bucket to another."""
    proxy.reset()
    url = cloud_emulators.new_bucket(proxy.store)
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path, f"{url}/upstream", instance, f"{url}/results/x")


def test_frames_that_change_and_stay(
    bucket: Pipeline, proxy: S3Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing complains of missing credentials, as nothing needs them."""
    for frames, shade in ((27, 0), (3, 9), (3, 9)):
        bundle = bundles.small_bundle(frames, shade)
        upload(bucket, bundle, NAME)
        outcome = bucket.run(NAME)
        assert outcome.success
        check(bucket, bundle, NAME)
    assert not [line for line in caplog.messages if "credentials" in line]
    if proxy.store.secret:
        assert proxy.store.secret not in event_log(bucket, outcome)


def test_an_unchanged_file_is_not_fetched_again(bucket: Pipeline) -> None:
    upload(bucket, bundles.small_bundle())
    assert not bucket.run().metadata("raw_data_file")["skipped"]
    assert bucket.run().metadata("raw_data_file")["skipped"]
    upload(bucket, bundles.small_bundle(3, 5))
    assert not bucket.run().metadata("raw_data_file")["skipped"]
    check(bucket, bundles.small_bundle(3, 5))


def test_the_sensor_sees_what_is_there_and_what_changes(bucket: Pipeline) -> None:
    for name in (NAME, "b.img", "c.txt", ".hidden.img", "folder/d.img"):
        upload(bucket, bundles.small_bundle(), name)
    before = list_upstream(bucket.upstream, "*.img", ())
    assert sorted(before.found) == ["b.img", NAME]
    assert not before.sizes_only
    upload(bucket, bundles.small_bundle(3, 7), "b.img")  # of the same size
    after = list_upstream(bucket.upstream, "*.img", ())
    assert before.found["b.img"] != after.found["b.img"]
    assert before.found[NAME] == after.found[NAME]


@pytest.mark.usefixtures("short_pauses")
def test_a_store_that_is_busy_at_times(bucket: Pipeline, proxy: S3Proxy) -> None:
    bundle = bundles.small_bundle(3)
    upload(bucket, bundle)
    proxy.busy = lambda request: request.number % 5 == 0
    assert bucket.run().success
    assert proxy.faults["busy"] > 3
    proxy.reset()
    check(bucket, bundle)


@pytest.mark.usefixtures("short_pauses")
def test_every_connection_is_cut_once(bucket: Pipeline, proxy: S3Proxy) -> None:
    bundle = bundles.small_bundle(3)
    upload(bucket, bundle)
    uploads, downloads = s3_proxy.first_time(), s3_proxy.first_time()
    proxy.cut_upload = lambda request: request.method in ("PUT", "POST") and uploads(request)
    proxy.cut_download = lambda request: request.method == "GET" and downloads(request)
    assert bucket.run().success
    assert proxy.faults["upload"]
    assert proxy.faults["download"] > 3
    proxy.reset()
    check(bucket, bundle)


def test_large_files_are_sent_and_read_in_parts(bucket: Pipeline) -> None:
    store = results(bucket)
    content = bytes(range(256)) * (20 * 4096)
    with store.create("large") as file:
        for start in range(0, len(content), 1_000_000):
            file.write(content[start : start + 1_000_000])
    with store.open("large") as file:
        assert file.read() == content


def test_nothing_is_visible_of_an_upload_that_is_given_up(bucket: Pipeline, proxy: S3Proxy) -> None:
    if proxy.store.scheme == "gs":
        pytest.skip("this emulator cannot end an upload, and gcsfs asks it again and again")
    store = results(bucket)
    store.write("x", b"old")

    def give_up() -> None:
        with store.create("x") as file:
            file.write(bytes(20_000_000))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        give_up()
    assert store.read("x") == b"old"


def test_a_bucket_that_is_not_there_is_named(bucket: Pipeline) -> None:
    upload(bucket, bundles.small_bundle())
    scheme = bucket.storage.partition("://")[0]
    bucket.storage = f"{scheme}://no-such-bucket/x"
    outcome = bucket.run()
    assert f"{scheme}://no-such-bucket/x/all-images.img/" in outcome.failure
    assert "\n" not in outcome.failure
    assert not [event for event in outcome.result.all_events if event.is_step_up_for_retry]
