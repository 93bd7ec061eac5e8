"""Which members of an archive are frames, and in which order, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.images.bundle import Remarks
from imagetl_assets.images.bundles.members import natural_order, shown_name
from imagetl_assets_tests.images.archives import found, tarred, zipped
from imagetl_assets_tests.images.builders import still
from imagetl_assets_tests.images.bundles import EACH

Archive = Callable[[Mapping[str, bytes]], bytes]

archives = pytest.mark.parametrize("archive", [zipped, tarred])


@archives
def test_images_of_all_formats_keep_their_names_and_bytes(archive: Archive) -> None:
    files = {f"{i} ü/{kind}.{kind.lower()}": data for i, (kind, data) in enumerate(EACH.items())}
    assert found(archive(files)) == files


@archives
def test_the_order_is_the_natural_one_of_names(archive: Archive) -> None:
    names = ["10.gif", "2.gif", "a/2.gif", "A/1.gif", "a/10.gif", "1.gif"]
    result = found(archive({name: still(i) for i, name in enumerate(names)}))
    assert list(result) == ["1.gif", "2.gif", "10.gif", "A/1.gif", "a/2.gif", "a/10.gif"]
    assert result["a/10.gif"] == still(4)


@archives
def test_what_is_no_image_is_counted_and_left_out(archive: Archive) -> None:
    files = {
        "read me.txt": b"text",
        "labels.json": b"{}",
        "no extension": b"\0" * 30,
        "a.gif": still(1),
        "without": still(2),
        "__MACOSX/._a.gif": b"\0\5\x16\7",
        ".hidden/b.gif": still(),
        "c/.DS_Store": b"\0",
        "../up.gif": still(),
        "a/../../up.gif": still(),
        "inner.zip": zipped({"x.gif": still()}),
        "inner.tar.gz": b"\x1f\x8b",
    }
    remarks = Remarks()
    assert found(archive(files), remarks) == {"a.gif": still(1), "without": still(2)}
    assert remarks.left_out() == [
        "files that are no images: 3, the first read me.txt",
        "hidden files: 3, the first __MACOSX/._a.gif",
        "files whose names lead out of the archive: 2, the first ../up.gif",
        "archives within the archive: 2, the first inner.zip",
    ]
    assert remarks.texts() == []


@archives
def test_text_with_the_name_of_an_image_is_a_damaged_frame(archive: Archive) -> None:
    result = found(archive({"a.png": b"not found", "b.gif": still(), "c.jpg": b""}))
    assert result["b.gif"] == still()
    assert str(result["a.png"]).startswith("no known image format begins with the bytes 6e 6f 74")
    assert result["c.jpg"] == "it is empty"


@archives
def test_of_two_members_of_one_name_the_last_counts(archive: Archive) -> None:
    data = archive({"./a.gif": still(1), "b.gif": still(2), "a.gif": still(3)})
    remarks = Remarks()
    assert found(data, remarks) == {"a.gif": still(3), "b.gif": still(2)}
    (text,) = remarks.texts()
    assert text.startswith("files with the name of a later one, which takes their place: 1, the fi")


def test_an_archive_without_members_has_no_frames() -> None:
    assert found(zipped({})) == {}


@given(st.text(max_size=300), st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_name_can_be_shown_and_sorted(one: str, other: str) -> None:
    for name in (one, other):
        shown = shown_name(name)
        assert shown.isprintable()
        assert shown_name(shown) == shown
        assert len(shown) <= 250
    assert sorted([one, other], key=natural_order) == sorted([other, one], key=natural_order)


def test_names_of_other_systems() -> None:
    assert shown_name("day\\1.png") == "day/1.png"
    assert shown_name("/abs//1.png") == "abs/1.png"
    assert shown_name("a\n\x1b[31m.png") == "a��[31m.png"
    assert shown_name("\udcff.png") == "?.png"
