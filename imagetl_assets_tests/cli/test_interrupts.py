"""Whatever `imagetl run` is doing, Ctrl-C ends it in one line, and the run with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imagetl_assets.cli.interrupts import Interrupts, tell_unless_interrupted
from testbed.http_server import HttpServer, status
from testbed.processes import BIN, wait_for

CODES = {"INT": 130, "TERM": 143, "HUP": 129}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it as a shell does: Ctrl-C reaches all processes of its group."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DASK_", "IMAGETL_"))}
    return subprocess.Popen(
        [str(BIN / "imagetl"), "run", "--workers", "1", *arguments],
        env={**clean, "DAGSTER_HOME": str(folder / "home")},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def has_begun(process: subprocess.Popen[str]) -> bool:
    """Return whether the command catches signals, or has ended; before, Python itself starts.

    Python does not catch SIGTERM by itself.
    """
    if process.poll() is not None:
        return True
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def interrupt(process: subprocess.Popen[str], kind: str) -> str:
    """Send the signal; return what the command has said. Nothing of it is left."""
    number = getattr(signal, f"SIG{kind}")
    if kind == "INT":
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == CODES[kind]
    assert out.endswith("imagetl: interrupted\n")
    assert "Traceback" not in out
    wait_for(lambda: not family(process.pid), 30)
    return out


def family(session: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == session:
                found.append(pid)
        except ProcessLookupError:
            pass
    return found


def statuses(folder: Path) -> list[DagsterRunStatus]:
    with DagsterInstance.from_config(str(folder / "home")) as instance:
        return [run.status for run in instance.get_runs()]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which signals are caught")
@pytest.mark.parametrize("delay", [0, 0.8, 2.0])
def test_while_it_starts(tmp_path: Path, delay: float) -> None:
    """Without a file to wait for, the moment is one of the start, on whatever machine."""
    process = start(tmp_path)
    wait_for(lambda: has_begun(process), 60)
    time.sleep(delay)
    if process.poll() is None:
        interrupt(process, "INT")
    if (tmp_path / "home" / "history").exists():
        assert set(statuses(tmp_path)) <= {DagsterRunStatus.CANCELED, DagsterRunStatus.SUCCESS}


@pytest.mark.parametrize("kind", CODES)
def test_while_a_step_waits(tmp_path: Path, server: HttpServer, kind: str) -> None:
    server.answers["/a.img"] = status(503)
    (tmp_path / "home").mkdir()
    process = start(tmp_path, f"{server.url}/a.img")
    wait_for(lambda: bool(server.requests), 60)
    interrupt(process, kind)
    assert statuses(tmp_path) == [DagsterRunStatus.CANCELED]


def test_what_was_half_made_when_the_signal_came_is_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the event loop of which only a part was there: seen once in 120 interrupts."""

    class HalfMade:
        def __del__(self) -> None:
            raise AttributeError("there is no such part")

    interrupts = Interrupts()
    monkeypatch.setattr(sys, "unraisablehook", partial(tell_unless_interrupted, interrupts))
    HalfMade()
    assert "there is no such part" in capsys.readouterr().err
    interrupts.number = signal.SIGINT
    HalfMade()
    assert capsys.readouterr().err == ""
