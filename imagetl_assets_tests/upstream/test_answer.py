"""What an HTTP answer means, by its status and its headers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetl_assets.upstream import Known, PermanentError, TransientError
from imagetl_assets.upstream.answer import (
    Head,
    announced_length,
    check_whole,
    encodings,
    fingerprint,
    has_an_end,
    may_share_credentials,
    redirect_target,
    refusal,
    validators,
)

FILE = "http://h/a.img"


def head(status: int = 200, **headers: str) -> Head:
    return Head(status, tuple((k.replace("_", "-").lower(), v) for k, v in headers.items()))


def test_a_200_is_the_file() -> None:
    check_whole(head(), FILE)
    check_whole(head(Content_Range="bytes 0-9/10"), FILE)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Range": "bytes 0-8/10"},
        {"Content_Range": "bytes 1-9/10"},
        {"Content_Range": "bytes 0-9/*"},
        {"Content_Range": "bytes */10"},
        {"Content_Range": "lines 0-9/10"},
        {"Content_Type": "multipart/byteranges; boundary=x"},
    ],
)
def test_a_200_that_is_a_part_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(PermanentError, match="part"):
        check_whole(head(200, **headers), FILE)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 599, 202])
def test_what_may_pass(status: int) -> None:
    with pytest.raises(TransientError, match=f"a.img answers with status {status}"):
        check_whole(head(status), FILE)


@pytest.mark.parametrize(
    "status",
    [
        *(101, 201, 203, 204, 205, 206, 226, 299, 300, 304, 305, 306, 399),
        *(400, 401, 402, 403, 404, 405, 407, 410, 416, 418, 421, 451, 499, 501, 505, 511, 600, 999),
    ],
)
def test_what_will_not_pass(status: int) -> None:
    with pytest.raises(PermanentError, match=f"a.img answers with status {status}"):
        check_whole(head(status), FILE)


@given(st.integers(100, 999).filter(lambda status: status != 200))
def test_every_other_status_is_refused_with_one_line(status: int) -> None:
    message = str(refusal(head(status), FILE))
    assert "\n" not in message
    assert str(status) in message


@pytest.mark.parametrize(
    ("values", "length"),
    [
        (["10"], 10),
        (["0"], 0),
        (["007"], 7),
        (["10", "10"], 10),
        (["10, 10"], 10),
        ([], None),
    ],
)
def test_the_announced_length(values: list[str], length: int | None) -> None:
    answer = Head(200, tuple(("content-length", value) for value in values))
    assert announced_length(answer, FILE) == length


def test_a_range_tells_the_length_too_and_has_to_agree() -> None:
    whole = "bytes 0-9/10"
    assert announced_length(head(Content_Range=whole), FILE) == 10
    assert announced_length(head(Content_Length="10", Content_Range=whole), FILE) == 10
    with pytest.raises(PermanentError, match="announces several lengths"):
        announced_length(head(Content_Length="9", Content_Range=whole), FILE)


@pytest.mark.parametrize(
    "values", [["9" * 5_000], ["-1"], ["+1"], ["1_0"], ["0x1"], ["1.0"], ["½"], ["٣"], ["1", "2"]]
)
def test_lengths_that_are_none(values: list[str]) -> None:
    answer = Head(200, tuple(("content-length", value) for value in values))
    with pytest.raises(PermanentError, match="announces"):
        announced_length(answer, FILE)


def test_encodings_in_the_order_of_their_use() -> None:
    answer = Head(200, (("content-encoding", "GZIP, br "), ("content-encoding", "zstd")))
    assert encodings(answer) == ["gzip", "br", "zstd"]
    assert encodings(head()) == []


def test_whether_a_body_says_where_it_ends() -> None:
    assert has_an_end(head(Content_Length="1"))
    assert has_an_end(head(Transfer_Encoding="chunked"))
    assert has_an_end(head(Content_Range="bytes 0-9/10"))
    assert not has_an_end(head(Connection="close"))


@pytest.mark.parametrize("status", [429, 503, 500])
def test_retry_after_is_in_seconds(status: int) -> None:
    assert _wait(head(status, Retry_After="120")) == 120
    assert _wait(head(status, Retry_After="0")) == 0
    assert _wait(head(status)) is None


def test_retry_after_is_a_date_by_the_clock_of_the_server() -> None:
    date = {"Date": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert _wait(head(503, Retry_After="Wed, 21 Oct 2015 07:29:30 GMT", **date)) == 90
    assert _wait(head(503, Retry_After="Wed, 21 Oct 2015 07:00:00 GMT", **date)) == 0
    assert _wait(head(503, Retry_After="Wed, 21 Oct 2015 07:29:30 GMT")) == 0  # by ours, long ago


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_retry_after_is_nonsense(value: str) -> None:
    wait = _wait(head(503, Retry_After=value))
    assert wait is None or wait >= 0


def test_a_wait_of_5000_digits_is_a_long_one() -> None:
    assert (_wait(head(503, Retry_After="9" * 5_000)) or 0) >= 10**9


def _wait(answer: Head) -> float | None:
    error = refusal(answer, FILE)
    assert isinstance(error, TransientError)
    return error.retry_after


def test_what_is_asked_about_the_next_time() -> None:
    modified = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert validators(head(ETag='W/"a"', Last_Modified=modified)) == Known('W/"a"', modified)
    assert validators(head(ETag='"a"'), "elsewhere") == Known('"a"', None, "elsewhere")
    assert validators(head()) == Known()
    assert validators(head(ETag="x" * 1_001, Last_Modified="a\nb")) == Known()


def test_a_file_that_was_changed_in_this_second_may_change_again_in_it() -> None:
    answer = head(
        Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT", Date="Wed, 21 Oct 2015 07:28:01 GMT"
    )
    assert validators(answer) == Known()


def test_a_fingerprint_and_whether_it_is_a_size_only() -> None:
    assert fingerprint(head(ETag='"a"', Content_Length="3")) == ('"a"||3', True)
    assert fingerprint(head(Content_Length="3")) == ("||3", False)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?x=1", "http://h/b?x=1"),
        ("b", "http://h/b"),
        ("//other/b", "http://other/b"),
        ("https://h/b", "https://h/b"),
        ("http://me:secret@other:8080/b", "http://other:8080/b"),
        ("/\xc3\xbc", "http://h/ü"),
    ],
)
def test_where_a_redirect_leads_to(location: str, target: str) -> None:
    for status in (301, 302, 303, 307, 308):
        assert redirect_target(head(status, Location=location), FILE) == target


def test_a_redirect_without_a_target_says_so() -> None:
    for answer in (head(302), head(308, Location="")):
        with pytest.raises(PermanentError, match="a redirect that names no target"):
            check_whole(answer, FILE)


def test_what_is_no_redirect() -> None:
    assert redirect_target(head(302), FILE) is None
    assert redirect_target(head(200, Location="/b"), FILE) is None
    assert redirect_target(head(304, Location="/b"), FILE) is None


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (FILE, "ftp://h/b"),
        (FILE, "file:///etc/passwd"),
        ("https://h/a.img", "http://h/b"),
        (FILE, "http://[bad/"),
        (FILE, "http://:80/"),
        (FILE, "javascript:x"),
        (FILE, "/\xff"),
    ],
)
def test_redirects_that_are_refused(url: str, location: str) -> None:
    with pytest.raises(PermanentError, match="redirects"):
        redirect_target(head(302, Location=location), url)


def test_credentials_stay_with_their_server() -> None:
    for other in ("http://h:81/b", "http://g/b", "https://h:444/b", "http://h.evil/b"):
        assert not may_share_credentials(FILE, other)
    assert may_share_credentials(FILE, "http://h:80/b")
    assert may_share_credentials(FILE, "https://h/b")
    assert not may_share_credentials("https://h/a", "http://h/b")
