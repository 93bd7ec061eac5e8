"""Who takes part, who is skipped, and who takes turns."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from benchmarks.bench import Bench, Figures, Job
from benchmarks.contenders import ContenderFailed, at_work
from benchmarks.environments import NotInstallable, environment
from benchmarks.pipelines import FUTURES, IMAGETL, LOOP, ORIGINAL, Pipeline, all_at_work, run_once
from benchmarks.report import comparison
from benchmarks.results import OURS, TIME, Measurement
from testbed.bundles import small_bundle
from testbed.http_server import serve
from testbed.processes import wait_for


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    machine = {"cores": 2, "processor": "", "memory_gb": 1, "system": ""}
    load = {"load_before": 0, "load_after": 0}
    return Bench(Measurement("test", "2026-01-02", {**machine, **load}), tmp_path, rounds=3)


def test_a_peer_without_its_python_is_skipped_by_name(bench: Bench, tmp_path: Path) -> None:
    needs = tmp_path / "requirements.txt"
    needs.write_text("")
    peer = Pipeline("old peer", (), requirements=needs, python="2.1")
    with all_at_work(bench, [peer]) as contenders:
        assert contenders == {}
    assert "old peer was skipped: it needs Python 2.1" in comparison(bench.measurement)


def test_what_cannot_be_installed_is_said(tmp_path: Path, python_version: str) -> None:
    needs = tmp_path / "requirements.txt"
    needs.write_text("--no-index\nno-such-package\n")
    with pytest.raises(NotInstallable, match="no-such-package"):
        environment(needs, python_version, tmp_path / "cache")


def test_an_environment_is_made_once(tmp_path: Path, python_version: str) -> None:
    needs = tmp_path / "requirements.txt"
    needs.write_text("--no-index\n")
    python = environment(needs, python_version, tmp_path / "cache")
    made = python.parent.stat().st_mtime_ns
    assert environment(needs, python_version, tmp_path / "cache") == python
    assert python.parent.stat().st_mtime_ns == made


def test_contenders_make_the_clip_and_leave_no_process(bench: Bench) -> None:
    with serve() as server:
        url = server.add_file("/three.img", small_bundle(3))
        with all_at_work(bench, [FUTURES, LOOP]) as contenders:
            for one in contenders.values():
                for _ in range(2):
                    figures = run_once(one, url, 3)
                    assert all(value > 0 for value in figures.values())
            started = psutil.Process(contenders[FUTURES.name].process.pid).children(recursive=True)
            assert started
    assert server.count("/three.img") == 4  # nothing was left to be spared
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive


def test_a_contender_runs_only_in_its_turn(bench: Bench) -> None:
    with serve() as server, all_at_work(bench, [FUTURES]) as contenders:
        url = server.add_file("/three.img", small_bundle(3))
        process = psutil.Process(contenders[FUTURES.name].process.pid)

        def sleeps() -> bool:
            tree = [process, *process.children(recursive=True)]
            assert len(tree) > 2
            return {one.status() for one in tree} == {psutil.STATUS_STOPPED}

        for _ in range(2):
            run_once(contenders[FUTURES.name], url, 3)
            wait_for(sleeps)  # on another processor, it takes a moment


def test_what_a_turn_has_stored_is_emptied_and_not_deleted(bench: Bench) -> None:
    with serve() as server, all_at_work(bench, [LOOP]) as contenders:
        url = server.add_file("/three.img", small_bundle(3))
        folder = contenders[LOOP.name].folder
        run_once(contenders[LOOP.name], url, 3)
        stored = {path.stat().st_ino for path in folder.iterdir()}
        run_once(contenders[LOOP.name], url, 3)
        aside = [path for path in folder.parent.rglob(f"{folder.name}-*/*") if path.is_file()]
        assert {path.stat().st_ino for path in aside} == stored
        assert {path.stat().st_size for path in aside} == {0}


def test_one_and_several_bundles_in_a_run(bench: Bench) -> None:
    with serve() as server:
        for number in range(3):
            server.add_file(f"/bundle-{number}.img", small_bundle(2 + number))
        folder = bench.folder / "imagetl"
        env = {"IMAGETL_UPSTREAM": server.url, "IMAGETL_STORAGE": str(folder / "storage")}
        with at_work(OURS, IMAGETL.interpreter(), list(IMAGETL.args), folder, env) as contender:
            run_once(contender, f"{server.url}/bundle-0.img", 2)
            run_once(contender, "3", 2 + 3 + 4)
        assert server.count("/bundle-0.img") == 2


def test_what_a_failing_contender_has_said(bench: Bench) -> None:
    with serve() as server, all_at_work(bench, [LOOP]) as contenders:
        loop = contenders[LOOP.name]
        with pytest.raises(ContenderFailed, match="404"):
            loop.turn(f"{server.url}/missing.img")


def test_results_are_looked_at(bench: Bench) -> None:
    with serve() as server, all_at_work(bench, [LOOP]) as contenders:
        url = server.add_file("/three.img", small_bundle(3))
        with pytest.raises(ContenderFailed, match="3 of 4 frames"):
            run_once(contenders[LOOP.name], url, 4)


def test_turns(bench: Bench) -> None:
    order: list[str] = []

    def run(name: str) -> Figures:
        order.append(name)
        return {TIME: float(len(order))}

    bench.in_turns(
        [
            Job("work", OURS, lambda: run("a")),
            Job("work", "b", lambda: run("b"), rounds=2),
            Job("work", "c", lambda: run("c"), warm_up=False),
        ]
    )
    assert "".join(order) == "ab" + "abc" + "abc" + "ac"
    assert [len(series.values) for series in bench.measurement.series] == [3, 2, 3]


def test_a_peer_that_fails_is_skipped_from_then_on(bench: Bench) -> None:
    def fail() -> Figures:
        raise ContenderFailed("out of memory")

    bench.in_turns([Job("work", OURS, lambda: {TIME: 1.0}), Job("work", ORIGINAL.name, fail)])
    assert bench.measurement.skipped == {ORIGINAL.name: "it failed at work: out of memory"}
    assert [series.contender for series in bench.measurement.series] == [OURS]
    with pytest.raises(ContenderFailed, match="imagetl failed at work: out of memory"):
        bench.in_turns([Job("work", OURS, fail)])


@pytest.fixture
def python_version() -> str:
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"
