"""Starts, looks at and stops all parts of the trial."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.trial import database, settings, store
from deploy.trial.errors import TrialError
from deploy.trial.processes import Background, stop
from deploy.trial.services import Service, answers, stages

READY_SECONDS = 180
POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Trial:
    """A deployment on this machine, with all that it keeps in `folder`."""

    folder: Path

    @property
    def env_file(self) -> Path:
        """The settings, for a shell to read."""
        return self.folder / "env"

    def start(self) -> dict[str, str]:
        """Start what does not run, and what depends on that; return the settings.

        Raises:
            TrialError: something does not start. What was started keeps running.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        values = self._settings()
        anew = False
        for number, stage in enumerate(stages(values)):
            started = [s for s in stage if anew or not self._background(s).process()]
            stop(*map(self._background, started))  # what parts that have died have left
            for service in started:
                if service.address and answers(service.address):
                    raise TrialError(
                        f"something else listens at {service.address}, where {service.name} is to "
                        "be; give its variable another value (see deploy/env.example)"
                    )
                self._background(service).start(service.command, {**os.environ, **service.settings})
            for service in stage:
                self._wait_until_ready(service)
            anew = anew or bool(started)
            if number == 0:
                store.prepare(values)
        return values

    def status(self) -> Iterator[tuple[str, int | None, str]]:
        """Yield name, pid (None: it does not run) and address of each part that is started here."""
        values = settings.load(self.env_file)
        if "database" in values["TRIAL_OWNS"]:
            yield "database", database.pid(self._database), str(self._database)
        for stage in stages(values):
            for service in stage:
                process = self._background(service).process()
                yield service.name, process.pid if process else None, service.address

    def stop(self) -> None:
        """Stop all that runs, in the opposite order."""
        if not self.env_file.exists():
            return
        for stage in reversed(stages(settings.load(self.env_file))):
            stop(*map(self._background, stage))
        database.stop(self._database)

    def _settings(self) -> dict[str, str]:
        """Return the settings: those of what runs already, else new ones."""
        if self.env_file.exists() and any(pid for _, pid, _ in self.status()):
            values = settings.load(self.env_file)
        else:
            values = {"DAGSTER_HOME": str(self._home), **settings.new_settings()}
            _check_packages(values["TRIAL_OWNS"])
            self._home.mkdir(exist_ok=True)
            shutil.copy(settings.DEPLOY / "dagster.yaml", self._home)
        if "database" in values["TRIAL_OWNS"]:
            values["DAGSTER_POSTGRES_URL"] = database.start(self._database)
        settings.save(values, self.env_file)
        return values

    def _wait_until_ready(self, service: Service) -> None:
        background = self._background(service)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            process = background.process()
            if not process:
                raise TrialError(f"{service.name} has ended by itself: {_end_of(background.log)}")
            if service.is_ready(process.create_time()):
                return
            if time.monotonic() > deadline:
                raise TrialError(f"{service.name} does not get ready: {_end_of(background.log)}")
            time.sleep(POLL_SECONDS)

    def _background(self, service: Service) -> Background:
        return Background(service.name, self.folder)

    @property
    def _home(self) -> Path:
        return self.folder / "dagster"

    @property
    def _database(self) -> Path:
        return self.folder / "database"


def _check_packages(owns: str) -> None:
    packages = ["dagster_aws", "dagster_postgres", "s3fs"]
    packages += ["flask", "flask_cors", "moto"] if "store" in owns else []
    packages += ["pgserver"] if "database" in owns else []
    if missing := [name for name in packages if find_spec(name) is None]:
        raise TrialError(
            f"not installed: {', '.join(missing)}. Install the extra: pip install -c "
            "constraints.txt -e '.[trial]'. For Python 3.13 and later there is no pgserver: set "
            "DAGSTER_POSTGRES_URL to a database of yours."
        )


def _end_of(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    return f"{last} (all of it is in {log})"
