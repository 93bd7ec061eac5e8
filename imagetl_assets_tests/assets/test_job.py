"""The whole job, step by step in this process."""

from __future__ import annotations

import tracemalloc
import uuid
from pathlib import Path
from unittest import mock

import pytest
from dagster import AssetKey

from imagetl_assets.assets.step_reports import FrameBatchName
from imagetl_assets.sample import sample_bytes, write_sample
from testbed import bundles, http_server
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def test_the_real_bundle_becomes_frames_and_a_clip(pipeline: Pipeline, server: HttpServer) -> None:
    bundle = bundles.real_bundle()
    server.add_file("/all-images.img", bundle)
    outcome = pipeline.run()
    assert outcome.success
    assert pipeline.file("image-data.img").read_bytes() == bundle
    names = [f"frame_{i:02d}.gif" for i in range(27)]
    assert pipeline.frame_names() == names
    stored = [pipeline.file(f"frames/{name}").read_bytes() for name in names]
    assert stored == bundles.pieces(bundle)
    clip = pipeline.file("clip.gif").read_bytes()
    assert bundles.pixels(clip) == [bundles.pixels(frame)[0] for frame in stored]
    assert bundles.timing(clip) == ({100}, 0)


def test_lineage_and_partitions(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/ünï code.img", bundles.small_bundle())
    server.add_file("/%C3%BCn%C3%AF%20code.img", bundles.small_bundle())
    assert pipeline.run("ünï code.img").success
    assert pipeline.instance.get_dynamic_partitions("upstream_files") == ["ünï code.img"]
    assert pipeline.frame_names("ünï code.img") == [f"frame_0{i}.gif" for i in range(3)]
    for asset in ("raw_data_file", "frames", "frame_files", "clip_gif"):
        event = pipeline.instance.get_latest_materialization_event(AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.partition == "ünï code.img"


def test_urls_that_differ_in_their_query_do_not_share_a_folder_in_silence(
    pipeline: Pipeline, server: HttpServer
) -> None:
    """It is told if the other URL has brought other bytes, or if nobody looks at the bytes."""
    url = server.add_file("/get", bundles.small_bundle())
    assert "caution" not in pipeline.run(raw={"url": f"{url}?id=1"}).metadata("raw_data_file")
    same = pipeline.run(raw={"url": f"{url}?id=2"})
    assert "caution" not in same.metadata("raw_data_file")
    server.add_file("/get", bundles.small_bundle(2, shade=3))
    for raw in ({"url": f"{url}?id=3"}, {"url": f"{url}?id=4", "on_existing": "skip"}):
        outcome = pipeline.run(raw=raw)
        assert outcome.success
        caution = outcome.metadata("raw_data_file")["caution"]
        assert f"came from another URL, {url}?***. To keep" in caution
        assert "id=" not in caution
    other = pipeline.run("other.img", raw={"url": f"{url}?id=1"})
    assert "caution" not in other.metadata("raw_data_file")
    server.add_file("/get", bundles.small_bundle(4, shade=5))
    assert "caution" not in pipeline.run(raw={"url": f"{url}?id=3"}).metadata("raw_data_file")


def test_config_of_all_assets(pipeline: Pipeline, server: HttpServer) -> None:
    url = server.add_file("/elsewhere", bundles.small_bundle(5))
    outcome = pipeline.run(
        "mine.img",
        raw={"url": url, "path": "raw/data.bin"},
        frames={"frames_per_step": 2},
        clip={"filename": "out/film.gif", "frame_duration_ms": 250, "loop": 3},
    )
    assert outcome.success
    assert outcome.metadata("frames")["mapped steps"] == 3
    steps = [event.step_key for event in outcome.result.get_step_success_events()]
    assert "frames.store_frames[frames_01_02]" in steps
    assert "frames.store_frames[frames_03_04]" in steps
    assert pipeline.file("raw/data.bin", "mine.img").exists()
    clip = pipeline.file("out/film.gif", "mine.img").read_bytes()
    assert bundles.timing(clip) == ({250}, 3)


def test_more_than_64_frames_are_stored_in_batches(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", bundles.small_bundle(130))
    outcome = pipeline.run()
    assert outcome.success
    assert outcome.metadata("frames")["mapped steps"] == 15
    assert pipeline.frame_names()[0] == "frame_000.gif"
    assert len(pipeline.frame_names()) == 130


@pytest.mark.parametrize("frames_per_step", [65, 260], ids=["in events", "in the storage"])
def test_nothing_is_left_of_what_steps_tell_each_other(
    frames_per_step: int,
    pipeline: Pipeline,
    server: HttpServer,
) -> None:
    server.add_file("/all-images.img", bundles.small_bundle(260))
    with mock.patch.object(
        FrameBatchName, "path", autospec=True, side_effect=FrameBatchName.path
    ) as asked:
        assert pipeline.run(frames={"frames_per_step": frames_per_step}).success
    assert asked.called is (frames_per_step == 260)
    assert len(pipeline.frame_names()) == 260
    assert list(pipeline.file(".imagetl/work").iterdir()) == []


def test_other_formats_become_gif(pipeline: Pipeline, server: HttpServer) -> None:
    frames = [bundles.tiny_frame(i, format=kind) for i, kind in enumerate(("GIF", "PNG", "BMP"))]
    server.add_file("/all-images.img", b"\n\n\n\n".join(frames))
    outcome = pipeline.run()
    assert outcome.success
    assert outcome.metadata("frames")["formats"] == {"GIF": 1, "PNG": 1, "BMP": 1}
    assert outcome.metadata("frame_files")["converted"] == 2
    clip = bundles.pixels(pipeline.file("clip.gif").read_bytes())
    assert clip == [bundles.pixels(frame)[0] for frame in frames]


def test_fewer_frames_leave_no_stale_frame(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", bundles.small_bundle(5))
    assert pipeline.run().success
    server.add_file("/all-images.img", bundles.small_bundle(2, shade=9))
    assert pipeline.run().success
    assert pipeline.frame_names() == ["frame_00.gif", "frame_01.gif"]
    clip = bundles.pixels(pipeline.file("clip.gif").read_bytes())
    assert clip == [bundles.pixels(f)[0] for f in bundles.pieces(bundles.small_bundle(2, 9))]
    assert list(pipeline.file(".imagetl/work").iterdir()) == []


def test_the_clip_is_made_of_the_frame_files_if_the_raw_file_is_gone(
    pipeline: Pipeline, server: HttpServer
) -> None:
    from dagster import in_process_executor

    from imagetl_assets.definitions import define

    server.add_file("/all-images.img", bundles.small_bundle())
    assert pipeline.run().success
    before = pipeline.file("clip.gif").read_bytes()
    pipeline.file("clip.gif").unlink()
    pipeline.file("image-data.img").unlink()
    definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=pipeline.instance,
        asset_selection=[AssetKey("clip_gif")],
        partition_key="all-images.img",
    )
    assert result.success
    assert pipeline.file("clip.gif").read_bytes() == before


def test_metadata_are_worth_reading(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", sample_bytes(20))
    outcome = pipeline.run()
    clip = outcome.metadata("clip_gif")
    assert clip["frames"] == 20
    assert clip["stored at"] == pipeline.file("clip.gif").as_uri()
    assert clip["bytes"] == pipeline.file("clip.gif").stat().st_size
    assert clip["preview"].startswith("![clip](data:image/webp;base64,UklGR")
    assert len(clip["preview"]) <= 150_000
    frames = outcome.metadata("frames")["first frames"]
    assert [row.data["number"] for row in frames.records] == list(range(20))
    assert {row.data["format"] for row in frames.records} == {"GIF"}
    sheet = outcome.metadata("frame_files")["contact sheet"]
    assert sheet.startswith("![some frames](data:image/jpeg;base64,")
    raw = outcome.metadata("raw_data_file")
    assert raw["source"] == f"{server.url}/all-images.img"
    assert raw["bytes"] == len(sample_bytes(20))
    assert raw["processing seconds"] >= 0


def test_a_bucket_instead_of_a_folder(pipeline: Pipeline, server: HttpServer) -> None:
    """The same job on an fsspec URL; frames of other bytes are published over the old ones."""
    from imagetl_assets.storage import open_store

    pipeline.storage = f"memory://{uuid.uuid4()}/images"
    store = open_store(pipeline.storage)
    for frames, shade in ((5, 0), (3, 9), (3, 9)):
        bundle = bundles.small_bundle(frames, shade)
        server.add_file("/a [1].img", bundle)
        server.add_file("/a%20%5B1%5D.img", bundle)
        assert pipeline.run("a [1].img").success
        names = [f"a [1].img/frames/frame_{i:02d}.gif" for i in range(frames)]
        assert list(store.read_many(names)) == bundles.pieces(bundle)
        assert store.state(f"a [1].img/frames/frame_{frames:02d}.gif") is None
        clip = bundles.pixels(store.read("a [1].img/clip.gif"))
        assert clip == [bundles.pixels(piece)[0] for piece in bundles.pieces(bundle)]


def test_a_step_holds_only_some_of_its_frames(pipeline: Pipeline, tmp_path: Path) -> None:
    """One mapped step stores 45 MB of frames in a fraction of that memory."""
    path = tmp_path / "large.img"
    with path.open("wb") as file:
        write_sample(file, 600, width=640, height=480)
    tracemalloc.start()
    try:
        outcome = pipeline.run(raw={"url": str(path)}, frames={"frames_per_step": 600})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.success
    assert path.stat().st_size > 40e6
    assert peak < 30e6


def test_a_damaged_frame_is_named(pipeline: Pipeline, server: HttpServer) -> None:
    bundle, offset = bundles.damaged_bundle()
    server.add_file("/all-images.img", bundle)
    outcome = pipeline.run()
    assert f"frame 1 at byte {offset:,}" in outcome.failure
    assert not pipeline.file("clip.gif").exists()
    assert not pipeline.file("frames").exists()
    skipping = pipeline.run(frames={"on_damaged_frame": "skip"})
    assert skipping.success
    assert skipping.metadata("frames")["frames"] == 2
    ((number, where, _),) = skipping.metadata("frames")["damaged"]
    assert (number, where) == (1, offset)


def test_a_frame_whose_pixels_are_damaged_is_named(pipeline: Pipeline, server: HttpServer) -> None:
    frames = bundles.pieces(sample_bytes(3))
    broken = bytearray(frames[2])
    middle = len(broken) // 2
    broken[middle : middle + 40] = b"\xff" * 40
    bundle = b"\n\n\n\n".join([*frames[:2], bytes(broken)])
    server.add_file("/all-images.img", bundle)
    outcome = pipeline.run()
    assert not outcome.success
    assert f"frame 2 at byte {bundle.index(bytes(broken)):,}" in outcome.failure


def test_a_clip_does_not_replace_the_raw_file(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", bundles.small_bundle())
    outcome = pipeline.run(raw={"path": "data.gif"}, clip={"filename": "data.gif"})
    assert "choose another" in outcome.failure
    assert pipeline.file("data.gif").read_bytes() == bundles.small_bundle()


@pytest.mark.parametrize("key", ["..", "a/b", ".imagetl", "x" * 300])
def test_partition_keys_that_leave_the_root_are_refused(
    pipeline: Pipeline, server: HttpServer, key: str
) -> None:
    assert "partition key" in pipeline.run(key).failure
    assert server.requests == []


def test_two_workers_with_different_roots_do_not_mix(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was created by a process whose storage is another than that of its workers."""
    from imagetl_assets.automation import jobs

    server.add_file("/all-images.img", bundles.small_bundle())
    monkeypatch.setattr(jobs, "root_name", lambda root: "/of/the/run")
    failure = pipeline.run().failure
    assert "/of/the/run" in failure
    assert str(pipeline.root) in failure
    assert not pipeline.file("image-data.img").exists()


def test_a_namesake_of_the_root_on_another_disk_is_noticed(
    pipeline: Pipeline, server: HttpServer
) -> None:
    from imagetl_assets.storage.local import LocalStore

    def move_the_root(request: http_server.Request) -> None:
        pipeline.root.rename(pipeline.root.with_name("moved"))
        LocalStore(str(pipeline.root)).identity()
        request.reply(200, bundles.small_bundle())

    server.add("/all-images.img", move_the_root)
    assert "on different disks" in pipeline.run().failure


def test_a_run_that_is_overtaken_says_so(pipeline: Pipeline, server: HttpServer) -> None:
    from imagetl_assets.storage.local import LocalStore

    server.add_file("/all-images.img", bundles.small_bundle())
    original = LocalStore.write_many

    def overtake(self: LocalStore, files: dict[str, bytes], **options: bool) -> None:
        original(self, files, **options)
        if any(key.endswith("frame_00.gif") for key in files):
            pipeline.file("image-data.img").write_bytes(bundles.small_bundle(3, shade=7))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "write_many", overtake)
        outcome = pipeline.run()
    assert not outcome.success
    failures = outcome.result.get_step_failure_events()
    data = failures[0].step_failure_data.user_failure_data
    assert data is not None
    assert "replaced" in (data.description or "")
