"""What the sensor tells: which files wait, and for what."""

from imagetl_assets.automation.sensor_report import summary, unusual
from imagetl_assets.automation.watch import Change, Decision, Limits, Seen
from imagetl_assets.upstream.listing import Listing


def told(waiting: dict[str, Change], quiet_ms: int = 0, **listed: object) -> str:
    listing = Listing(dict.fromkeys(waiting, "1"), **listed)  # type: ignore[arg-type]
    decision = Decision(Seen(waiting=waiting), {}, [], [])
    return summary(listing, decision, Limits(25, quiet_ms=quiet_ms), 10_000)


def test_nothing_waits() -> None:
    assert told({}) == "Nothing is due: 0 files, 0 waiting"


def test_a_file_is_new() -> None:
    assert told({"a.img": Change("1", 10_000)}) == (
        "Nothing is due: 1 file, 1 waiting; "
        "new or changed, so the next look has to find the same: a.img"
    )


def test_each_reason_names_its_files() -> None:
    text = told(
        {
            **{f"{number}.img": Change("1", 10_000) for number in range(1_005)},
            "quiet.img": Change("1", 9_000),
            "turn.img": Change("1", 1_000),
            "lost.img": Change("1", 1_000),
        },
        quiet_ms=5_000,
        unknown={"lost.img": "it does not answer"},
    )
    assert "1,008 files, 1,008 waiting, 1 give no answer; " in text
    assert "find the same: 0.img, 1.img, 2.img and 1,002 more; " in text
    assert "(IMAGETL_QUIET_SECONDS): quiet.img; " in text
    assert "(IMAGETL_RUNS_PER_TICK): turn.img; " in text
    assert text.endswith("; no answer: lost.img")


def test_what_is_unusual() -> None:
    listing = Listing(unusable={"b": "its name is empty"}, sizes_only={"c"})
    lines = unusual(listing, Decision(Seen(), {}, [], ["a.img"]))
    assert lines == [
        "a.img has vanished from the upstream; its results are kept",
        "'b' is left alone: its name is empty",
        "Of 1 files, the upstream tells the size only: a change that keeps the size is not seen",
    ]
