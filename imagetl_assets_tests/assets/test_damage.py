"""What a run tells of damaged frames and of unusual bundles, and how it names the frames."""

from __future__ import annotations

import pytest

from testbed import bundles
from testbed.bundles import bad_pixels, small_bundle, tiny_frame
from testbed.http_server import HttpServer
from testbed.pipeline import Outcome, Pipeline

SEPARATOR = b"\n\n\n\n"
SKIP = {"on_damaged_frame": "skip"}


def warnings(pipeline: Pipeline, outcome: Outcome) -> list[str]:
    entries = pipeline.instance.all_logs(outcome.result.run_id)
    return [entry.user_message for entry in entries if entry.level == 30]


def test_the_first_of_many_damaged_pieces_are_told_and_the_rest_counted(
    pipeline: Pipeline, server: HttpServer
) -> None:
    bundle = SEPARATOR.join([tiny_frame(0), *[b"abcd"] * 8000])
    server.add_file("/all-images.img", bundle)
    outcome = pipeline.run(frames=SKIP)
    assert outcome.success
    told = warnings(pipeline, outcome)
    assert len(told) == 21
    assert told[0].startswith("all-images.img: frame 1 at byte")
    assert "no known image format begins with the bytes 61 62 63 64" in told[0]
    assert told[19].startswith("all-images.img: frame 20 at byte")
    assert told[20] == "all-images.img: 7,980 more frames are damaged"
    for asset in ("frames", "frame_files"):
        metadata = outcome.metadata(asset)
        assert metadata["damaged frames"] == 8000
        assert [number for number, _, _ in metadata["damaged"]] == list(range(1, 21))
    assert len(list(pipeline.instance.all_logs(outcome.result.run_id))) < 200


def test_a_failure_says_how_many_frames_are_damaged(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", SEPARATOR.join([small_bundle(), *[b"abcd"] * 8000]))
    outcome = pipeline.run()
    assert "frame 3 at byte" in outcome.failure
    assert "and 7,999 more are damaged. To leave such frames out" in outcome.failure
    assert len(outcome.failure) < 400
    assert warnings(pipeline, outcome) == []


@pytest.mark.parametrize("steps", [3, 30])
def test_many_frames_with_damaged_pixels_are_counted_too(
    pipeline: Pipeline, server: HttpServer, steps: int
) -> None:
    frames = [bad_pixels() if number % 3 else tiny_frame(number) for number in range(90)]
    server.add_file("/all-images.img", SEPARATOR.join(frames))
    outcome = pipeline.run(frames={**SKIP, "frames_per_step": 90 // steps})
    assert outcome.success
    assert outcome.metadata("frame_files")["damaged frames"] == 60
    assert len(outcome.metadata("frame_files")["damaged"]) == 20
    told = warnings(pipeline, outcome)
    one_by_one = [text for text in told if "image data are damaged" in text]
    assert len(one_by_one) == max(1, 20 // steps) * steps
    assert len(told) == len(one_by_one) + steps


def test_a_frame_has_one_number_in_messages_and_in_file_names(
    pipeline: Pipeline, server: HttpServer
) -> None:
    frames = [tiny_frame(0), b"junk", b"junk", tiny_frame(3), bad_pixels(), tiny_frame(5)]
    server.add_file("/all-images.img", SEPARATOR.join(frames))
    outcome = pipeline.run(frames=SKIP)
    assert outcome.success
    assert pipeline.frame_names() == ["frame_00.gif", "frame_03.gif", "frame_05.gif"]
    for number in (0, 3, 5):
        name = f"frames/frame_{number:02d}.gif"
        assert pipeline.file(name).read_bytes() == tiny_frame(number)
    damaged = outcome.metadata("frame_files")["damaged"]
    assert [number for number, _, _ in damaged] == [1, 2, 4]
    assert [text.partition(" at byte")[0] for text in warnings(pipeline, outcome)] == [
        f"all-images.img: frame {number}" for number in (1, 2, 4)
    ]
    steps = {event.step_key for event in outcome.result.get_step_success_events()}
    assert "frames.store_frames[frame_03]" in steps
    clip = bundles.pixels(pipeline.file("clip.gif").read_bytes())
    assert len(clip) == 3


def test_fewer_pieces_leave_no_frame_of_a_higher_number(
    pipeline: Pipeline, server: HttpServer
) -> None:
    """A damaged piece before a frame gives it a higher number than its place in the clip."""
    pipeline.storage = "memory://damage-numbers"
    server.add_file(
        "/all-images.img", SEPARATOR.join([tiny_frame(0), *[b"junk"] * 9, tiny_frame(1)])
    )
    assert pipeline.run(frames=SKIP).success
    server.add_file("/all-images.img", small_bundle(2, shade=9))
    assert pipeline.run(frames=SKIP).success
    from imagetl_assets.storage import open_store

    store = open_store(pipeline.storage)
    there = [store.state(f"all-images.img/frames/frame_{i:02d}.gif") is not None for i in range(12)]
    assert there == [True] * 2 + [False] * 10


@pytest.mark.parametrize("separator", [b"\r\n" * 4, b"\r" * 4, b"\n \n \n \n"])
def test_altered_separators_are_used_and_told(
    pipeline: Pipeline, server: HttpServer, separator: bytes
) -> None:
    frames = bundles.pieces(small_bundle(3))
    server.add_file("/all-images.img", separator.join(frames))
    outcome = pipeline.run()
    assert outcome.success
    assert outcome.metadata("clip_gif")["frames"] == 3
    (text,) = outcome.metadata("frames")["warnings"]
    assert "transfer in text mode: 2, the first at byte" in text
    assert warnings(pipeline, outcome) == [f"all-images.img: {text}"]


def test_a_usual_bundle_has_no_warnings(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", small_bundle())
    outcome = pipeline.run()
    assert warnings(pipeline, outcome) == []
    assert "warnings" not in outcome.metadata("frames")
    assert outcome.metadata("frames")["damaged frames"] == 0


def test_a_damaged_frame_in_a_bundle_with_altered_line_ends_points_at_them(
    pipeline: Pipeline, server: HttpServer
) -> None:
    bundle = small_bundle(3) + SEPARATOR + tiny_frame(4, format="PNG")
    server.add_file("/all-images.img", bundle.replace(b"\n", b"\r\n"))
    failure = pipeline.run().failure
    assert "is damaged" in failure
    assert "What else is unusual: separators with line ends other than LF" in failure


def test_an_image_without_a_separator_before_it_is_told(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/all-images.img", tiny_frame(0) + b"\n\n\n" + tiny_frame(1))
    assert "frame 0 at byte 0" in (failure := pipeline.run().failure)
    assert "follows without the four newlines between" in failure
