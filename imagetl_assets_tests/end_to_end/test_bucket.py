"""The pipeline from bucket to bucket: what is asked of the store, and what if it misbehaves."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from dagster import DagsterInstance
from dagster_shared.serdes import serialize_value

from imagetl_assets.images.contact_sheet import MOST_SHOWN
from imagetl_assets.storage import Store, StoreError, open_store
from imagetl_assets.upstream.listing import list_upstream
from testbed import bundles, s3_proxy
from testbed.object_store import (
    ObjectStore,
    create_bucket,
    new_bucket,
    reached,
    uploads_under_way,
)
from testbed.pipeline import Outcome, Pipeline
from testbed.processes import BIN, PROJECT
from testbed.s3_proxy import S3Proxy

NAME = "ü [1]* a?.img"  # what globbing or a URL would take for something else


@pytest.fixture(scope="module")
def proxy(moto_store: ObjectStore) -> Iterator[S3Proxy]:
    with s3_proxy.proxied(moto_store) as running, reached(running.store):
        yield running


@pytest.fixture
def bucket(proxy: S3Proxy, tmp_path: Path) -> Iterator[Pipeline]:
    """The job, from one place in a bucket to another."""
    proxy.reset()
    name = new_bucket(proxy.store)
    proxy.reset()
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path, f"s3://{name}/upstream", instance, f"s3://{name}/results/x")


def upload(pipeline: Pipeline, bundle: bytes, name: str = "all-images.img") -> None:
    open_store(pipeline.upstream).write(name, bundle)


def results(pipeline: Pipeline) -> Store:
    return open_store(pipeline.storage)


def check(pipeline: Pipeline, bundle: bytes, partition: str = "all-images.img") -> None:
    """Compare all that is stored of a bundle with what it should be."""
    store, pieces = results(pipeline), bundles.pieces(bundle)
    digits = max(2, len(str(len(pieces))))
    names = [f"{partition}/frames/frame_{i:0{digits}d}.gif" for i in range(len(pieces))]
    assert list(store.read_many(names)) == pieces
    assert store.state(f"{partition}/frames/frame_{len(pieces):0{digits}d}.gif") is None
    assert store.read(f"{partition}/image-data.img") == bundle
    clip = bundles.pixels(store.read(f"{partition}/clip.gif"))
    assert clip == [bundles.pixels(piece)[0] for piece in pieces]


def event_log(pipeline: Pipeline, outcome: Outcome) -> str:
    return "\n".join(map(serialize_value, pipeline.instance.all_logs(outcome.result.run_id)))


def test_names_that_mean_something_else_elsewhere(bucket: Pipeline, proxy: S3Proxy) -> None:
    for frames, shade in ((5, 0), (3, 9), (3, 9)):
        bundle = bundles.small_bundle(frames, shade)
        upload(bucket, bundle, NAME)
        outcome = bucket.run(NAME)
        assert outcome.success
        check(bucket, bundle, NAME)
    assert outcome.metadata("raw_data_file")["skipped"]
    assert proxy.store.secret not in event_log(bucket, outcome)


def test_a_bucket_tells_the_sensor_what_is_there(bucket: Pipeline) -> None:
    for name in (NAME, "b.img", "c.txt", ".hidden.img", "folder/d.img"):
        upload(bucket, bundles.small_bundle(), name)
    before = list_upstream(bucket.upstream, "*.img", ()).found
    assert sorted(before) == ["b.img", NAME]
    upload(bucket, bundles.small_bundle(4), "b.img")
    after = list_upstream(bucket.upstream, "*.img", ()).found
    assert before["b.img"] != after["b.img"]
    assert before[NAME] == after[NAME]


def test_two_requests_for_each_frame(bucket: Pipeline, proxy: S3Proxy) -> None:
    """One to read it, or less, and one to store it; all that a run asks for is counted.

    Some frames are read again for the contact sheet.
    """
    counts = {}
    for frames in (27, 54, 1000):
        name = f"{frames}.img"
        upload(bucket, bundles.small_bundle(frames), name)
        proxy.reset()
        assert bucket.run(name).success
        counts[frames] = len(proxy.requests)
        stored = sum("/frames/" in request.key for request in proxy.requests)
        assert stored == frames + MOST_SHOWN
    assert counts[27] <= 27 + 45 + MOST_SHOWN
    assert counts[1000] <= 2 * 1000
    assert counts[54] - counts[27] <= 2 * 27


def test_small_frames_share_requests_in_any_order(bucket: Pipeline, proxy: S3Proxy) -> None:
    store = results(bucket)
    content = Random(1).randbytes(2_000_000)
    store.write("raw", content)
    state = store.state("raw")
    assert state is not None
    spans = [(start, 70_000) for start in range(0, 1_900_000, 75_000)]
    Random(2).shuffle(spans)
    proxy.reset()
    for start, length in spans:
        (part,) = store.read_spans("raw", [(start, length)], state.version)
        assert part == content[start : start + length]
    assert len(proxy.requests) <= 3


def test_nothing_depends_on_listings(bucket: Pipeline, proxy: S3Proxy) -> None:
    """Not even on what they said when a folder was last looked at."""
    proxy.empty_list = s3_proxy.always
    for frames, shade in ((12, 0), (3, 2), (12, 0)):
        bundle = bundles.small_bundle(frames, shade)
        upload(bucket, bundle)
        assert bucket.run().success
        check(bucket, bundle)
        for number in range(frames, 13):
            assert results(bucket).state(f"all-images.img/frames/frame_{number:02d}.gif") is None
    assert proxy.faults["list"]


def test_a_store_that_is_busy_every_third_time(bucket: Pipeline, proxy: S3Proxy) -> None:
    bundle = bundles.small_bundle(5)
    upload(bucket, bundle)
    proxy.busy = lambda request: request.number % 3 == 0
    outcome = bucket.run()
    assert outcome.success
    assert not [event for event in outcome.result.all_events if event.is_step_up_for_retry]
    assert proxy.faults["busy"] > 5
    check(bucket, bundle)


def test_every_connection_is_cut_once(bucket: Pipeline, proxy: S3Proxy) -> None:
    bundle = bundles.small_bundle(3)
    upload(bucket, bundle)
    uploads, downloads = s3_proxy.first_time(), s3_proxy.first_time()
    proxy.cut_upload = lambda request: request.method == "PUT" and uploads(request)
    proxy.cut_download = lambda request: request.method == "GET" and downloads(request)
    outcome = bucket.run()
    assert outcome.success
    assert not [event for event in outcome.result.all_events if event.is_step_up_for_retry]
    assert proxy.faults["upload"] > 5
    assert proxy.faults["download"] > 5
    check(bucket, bundle)


def test_large_files_are_sent_and_read_in_parts(bucket: Pipeline, proxy: S3Proxy) -> None:
    """Each request for them fails at its first time."""
    store = results(bucket)
    content = bytes(range(256)) * (20 * 4096)
    proxy.busy, downloads = s3_proxy.first_time(), s3_proxy.first_time()
    proxy.cut_download = lambda request: request.method == "GET" and downloads(request)
    with store.create("large") as file:
        for start in range(0, len(content), 1_000_000):
            file.write(content[start : start + 1_000_000])
    assert proxy.count()["PUT upload"] >= 3
    with store.open("large") as file:
        assert file.read() == content
    assert uploads_under_way(bucket.storage) == []
    state = store.state("large")
    assert state is not None
    spans = [(i, 1_000_000) for i in range(0, 20_000_000, 1_000_000)]
    parts = store.read_spans("large", spans, state.version)
    assert b"".join(parts) == content[:20_000_000]


def test_a_file_that_is_too_large_to_be_copied_at_once_is_replaced(
    bucket: Pipeline, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 copies no more than 5 GB at once. Here, that is so for all files."""
    monkeypatch.setattr("s3fs.core.MANAGED_COPY_THRESHOLD", 0)
    proxy.too_large = s3_proxy.always
    for shade in (1, 2):
        bundle = bundles.small_bundle(4, shade=shade)
        upload(bucket, bundle)
        assert bucket.run().success
        check(bucket, bundle)
    assert proxy.faults["too large"]
    assert uploads_under_way(bucket.storage) == []


def test_nothing_is_left_of_an_upload_that_is_given_up(bucket: Pipeline, proxy: S3Proxy) -> None:
    store = results(bucket)
    store.write("x", b"old")

    def give_up() -> None:
        with store.create("x") as file:
            file.write(bytes(20_000_000))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        give_up()
    assert proxy.count()["POST create upload"] == 1
    assert store.read("x") == b"old"
    assert uploads_under_way(bucket.storage) == []


def test_the_clip_is_cut_off_in_the_middle(
    bucket: Pipeline, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(bucket, bundles.small_bundle())
    assert bucket.run().success
    before = results(bucket).read("all-images.img/clip.gif")
    bundle = bundles.noise(frames=24)
    upload(bucket, bundle)
    proxy.cut_upload = lambda request: (
        "/work/clip_gif." in request.key and request.kind == "PUT upload"
    )
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with reached(proxy.store):
        outcome = bucket.run()
    assert proxy.faults["upload"] > 1
    assert outcome.failed_step == "clip_gif"
    assert f"{bucket.storage}/all-images.img/" in outcome.failure
    assert "/new-clip.gif: " in outcome.failure
    proxy.reset()
    assert results(bucket).read("all-images.img/clip.gif") == before
    assert uploads_under_way(bucket.storage) == []
    assert bucket.run().success
    check(bucket, bundle)


def test_a_store_that_stays_busy_is_named(
    bucket: Pipeline, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.busy = s3_proxy.always
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with reached(proxy.store):
        store = results(bucket)
        for ask in (
            lambda: store.state("x"),
            lambda: store.write("x", b""),
            lambda: store.read("x"),
        ):
            with pytest.raises(StoreError, match=f"{bucket.storage}/x: Please reduce"):
                ask()


def test_a_bucket_that_is_not_there_is_named(bucket: Pipeline) -> None:
    upload(bucket, bundles.small_bundle())
    there, bucket.storage = bucket.storage, "s3://no-such-bucket/x"
    failure = bucket.run().failure
    assert "s3://no-such-bucket/x/all-images.img/" in failure
    assert "bucket does not exist" in failure
    bucket.storage, bucket.upstream = there, bucket.storage
    assert "s3://no-such-bucket/x/all-images.img does not exist" in bucket.run().failure


def test_wrong_credentials_are_told_at_once(
    swift_store: ObjectStore, bucket: Pipeline, proxy: S3Proxy
) -> None:
    wrong = ObjectStore(swift_store.url, swift_store.key, "wr0ng")
    bucket.storage = f"s3://{new_bucket(swift_store)}/x"
    with reached(wrong):
        outcome = bucket.run(raw={"url": str(Path(__file__))})
    assert f"{bucket.storage}/all-images.img/" in outcome.failure
    assert not [event for event in outcome.result.all_events if event.is_step_up_for_retry]
    assert "wr0ng" not in event_log(bucket, outcome)


def test_the_command_of_the_readme(proxy: S3Proxy, tmp_path: Path) -> None:
    """As it is written; the environment says where the store is."""
    (line,) = re.findall(r"^ {4}(.*s3://.*)$", (PROJECT / "README.md").read_text(), re.M)
    create_bucket(proxy.store, "bucket")
    folder = open_store("s3://bucket/day")
    for name in ("1.gif", "below/2.gif"):
        folder.write(name, bundles.tiny_frame(1))
    (tmp_path / ".venv").symlink_to(BIN.parent)
    done = subprocess.run(
        ["bash", "-euc", line], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(bundles.pixels((tmp_path / "storage" / "day" / "clip.gif").read_bytes())) == 2
