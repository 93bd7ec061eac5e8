"""Names and URLs: nothing leaves the root, nothing gives secrets away."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetl_assets.names import InvalidName, check_partition_key, check_path
from imagetl_assets.redact import redact_url

NAMES = st.text(st.sampled_from("ab./\\ \0\n~é:?*[]☀")) | st.text()


@given(NAMES)
def test_a_path_that_is_accepted_stays_in_its_folder(path: str) -> None:
    try:
        check_path(path)
    except InvalidName:
        return
    assert posixpath.normpath(f"/root/key/{path}").startswith("/root/key/")
    assert "\0" not in path
    path.encode()
    assert path.split("/")[0] not in ("frames", ".imagetl")


@given(NAMES)
def test_a_partition_key_that_is_accepted_is_one_folder_under_the_root(key: str) -> None:
    try:
        check_partition_key(key)
    except InvalidName:
        return
    assert posixpath.dirname(posixpath.normpath(f"/root/{key}")) == "/root"
    assert posixpath.normpath(f"/root/{key}") == f"/root/{key}"


@pytest.mark.parametrize(
    "name", ["a.img", "holiday pictures.img", "日本☀.img", "a:b", "[x]*?", "~"]
)
def test_usual_and_unusual_names_are_accepted(name: str) -> None:
    assert check_path(name) == name
    assert check_partition_key(name) == name
    assert check_path(f"sub/{name}") == f"sub/{name}"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/a", "a//b", "a/", "a/..", "a\0", "a\\b", "\ud800"]
)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="must"):
        check_path(name)
    with pytest.raises(InvalidName, match="must"):
        check_partition_key(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h:1/a.img?sig=1#f", "https://h:1/a.img?***"),
        ("https://h/a@b.img", "https://h/a@b.img"),
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("/data/a?b.img", "/data/a?b.img"),
        ("//user@host/x", "//host/x"),
    ],
)
def test_redact_url(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(st.from_regex(r"[^/?#@\s]{1,9}secret[^/?#@\s]{1,9}", fullmatch=True))
def test_no_secret_is_shown(secret: str) -> None:
    shown = redact_url(f"https://me:{secret}@host/file?token={secret}#{secret}")
    assert shown == "https://host/file?***"
