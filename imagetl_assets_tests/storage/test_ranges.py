"""Reading in ranges, with what comes next on its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.storage.base import BLOCK_BYTES
from imagetl_assets.storage.ranges import each_ahead, open_ranges

SIZE = 3 * BLOCK_BYTES + 5
DATA = bytes(range(251)) * (SIZE // 251 + 1)


def read_data(start: int, end: int) -> bytes:
    return DATA[start:end]


def recorder() -> tuple[Callable[[int, int], bytes], list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def read(start: int, end: int) -> bytes:
        asked.append((start, end))
        return DATA[start:end]

    return read, asked


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, 2 * BLOCK_BYTES)), max_size=6))
def test_any_part_can_be_read_in_any_order(parts: list[tuple[int, int]]) -> None:
    with open_ranges(read_data, SIZE) as file:
        for start, length in parts:
            file.seek(start)
            assert file.read(length) == DATA[start : min(start + length, SIZE)]


def test_a_file_that_is_read_to_its_end_is_asked_for_once() -> None:
    read, asked = recorder()
    with open_ranges(read, SIZE) as file:
        while file.read(1_000_000):
            pass
    asked.sort()
    assert asked[0][0] == 0
    assert asked[-1][1] == SIZE
    assert all(before[1] == after[0] for before, after in pairwise(asked))


def test_the_next_range_comes_while_one_is_worked_on() -> None:
    second = threading.Event()

    def read(start: int, end: int) -> bytes:
        if start:
            second.set()
        return DATA[start:end]

    with open_ranges(read, SIZE) as file:
        file.read(10)
        assert second.wait(timeout=10)


def test_a_part_in_the_middle_asks_for_nothing_else() -> None:
    read, asked = recorder()
    with open_ranges(read, SIZE) as file:
        file.seek(BLOCK_BYTES)
        file.read(10)
    assert len(asked) == 1


def test_an_error_is_raised_where_it_belongs() -> None:
    def read(start: int, end: int) -> bytes:
        if start >= BLOCK_BYTES:
            raise ConnectionError("cut")
        return DATA[start:end]

    with open_ranges(read, SIZE) as file:
        assert file.read(BLOCK_BYTES) == DATA[:BLOCK_BYTES]
        with pytest.raises(ConnectionError, match="cut"):
            file.read(1)


def test_work_is_done_one_ahead_and_no_further() -> None:
    begun = [threading.Event() for _ in range(5)]

    def work(item: int) -> int:
        begun[item].set()
        return 2 * item

    results = each_ahead(work, range(5))
    assert next(results) == 0
    assert begun[1].wait(timeout=10)
    assert not begun[2].is_set()
    assert list(results) == [2, 4, 6, 8]


def test_who_stops_early_does_not_wait_for_what_is_under_way() -> None:
    go_on = threading.Event()

    def work(item: int) -> int:
        return item if not item else int(go_on.wait(timeout=60))

    results = each_ahead(work, range(3))
    begin = time.monotonic()
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    with open_ranges(lambda start, end: DATA[start:end] if not start else b"", SIZE) as file:
        file.read(1)
    assert time.monotonic() - begin < 30
    go_on.set()


def test_an_error_of_the_work_comes_after_the_results_before_it() -> None:
    results = each_ahead(lambda item: 1 // item, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
