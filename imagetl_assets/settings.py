"""Settings, which come from the environment. They are read when definitions are loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

DEFAULT_STORAGE = "storage"
DEFAULT_UPSTREAM = "https://github.com/cicdw/image-data/raw/master"

_FILMS = ("webp", "mp4", "webm")

# Those that the Dask workers of a run need, with the values that its own process has.
WORKER_SETTINGS = (
    "IMAGETL_STORAGE",
    "IMAGETL_UPSTREAM",
    "IMAGETL_REFUSE_PRIVATE",
    "IMAGETL_STEP_SECONDS",
    "IMAGETL_CLIPS",
    "IMAGETL_FSYNC",
    "IMAGETL_FILES_URL",
)


def storage_root() -> str:
    """Return where results go (`IMAGETL_STORAGE`): a folder, or an fsspec URL."""
    return os.environ.get("IMAGETL_STORAGE") or DEFAULT_STORAGE


def upstream_base() -> str:
    """Return where upstream files are (`IMAGETL_UPSTREAM`): a folder, or a URL of one."""
    return os.environ.get("IMAGETL_UPSTREAM") or DEFAULT_UPSTREAM


def as_config(variable: str, value: str) -> str:
    """Return a setting as a resource is to hold it.

    Dagster stores and shows the config of resources, and a URL may hold a password or a key. So a
    setting that comes from the environment is held by the name of its variable.
    """
    from dagster import EnvVar

    return EnvVar(variable) if os.environ.get(variable) == value else value


def scheduler_address() -> str | None:
    """Return the Dask scheduler to use (`DASK_SCHEDULER_ADDRESS`); None: a cluster per run."""
    return os.environ.get("DASK_SCHEDULER_ADDRESS") or None


def private_addresses_refused() -> bool:
    """Return whether upstream files at private addresses are refused (`IMAGETL_REFUSE_PRIVATE`)."""
    return os.environ.get("IMAGETL_REFUSE_PRIVATE", "").lower() in ("1", "true", "yes")


def step_seconds() -> int:
    """Return how long a step may work on one file (`IMAGETL_STEP_SECONDS`); 0: no limit."""
    if os.environ.get("IMAGETL_STEP_SECONDS") == "0":
        return 0
    return _positive("IMAGETL_STEP_SECONDS", 6 * 3600)


def fsync() -> bool:
    """Return whether files in a folder are to survive a power failure (`IMAGETL_FSYNC`)."""
    return os.environ.get("IMAGETL_FSYNC", "").lower() in ("1", "true", "yes")


def wanted_films() -> frozenset[str]:
    """Return which clips are made beside the GIF (`IMAGETL_CLIPS`): some of webp, mp4 and webm.

    Raises:
        ValueError: it names another one.
    """
    try:
        return film_names(os.environ.get("IMAGETL_CLIPS", ""))
    except ValueError as error:
        raise ValueError(f"IMAGETL_CLIPS: {error}") from None


def film_names(text: str) -> frozenset[str]:
    """Return the names in a list such as "webp,mp4", without that of the GIF.

    Raises:
        ValueError: one is not that of a clip.
    """
    names = frozenset(text.replace(",", " ").lower().split()) - {"gif"}
    if unknown := sorted(names.difference(_FILMS)):
        raise ValueError(f"{unknown[0]!r} is no clip: there are webp, mp4 and webm")
    return names


def files_url() -> str | None:
    """Return the URL under which others serve what is stored (`IMAGETL_FILES_URL`), or None."""
    return os.environ.get("IMAGETL_FILES_URL", "").rstrip("/") or None


def docs_url() -> str | None:
    """Return where the pages of `docs/` can be read (`IMAGETL_DOCS_URL`), or None."""
    return os.environ.get("IMAGETL_DOCS_URL", "").rstrip("/") or None


def dashboard_url() -> str | None:
    """Return where Dask's dashboard is, for links in the UI (`IMAGETL_DASHBOARD_URL`), or None."""
    return os.environ.get("IMAGETL_DASHBOARD_URL") or None


def fresh_days() -> int:
    """Return how many days may pass without a new clip (`IMAGETL_FRESH_DAYS`)."""
    return _positive("IMAGETL_FRESH_DAYS", 7)


@dataclass(frozen=True)
class AutomationSettings:
    """What starts runs, when, and who is told of them.

    Attributes:
        pattern: which upstream files the sensor looks at; with a slash at its end, which folders.
        runs_per_tick: how many runs the sensor requests at once, at most.
        files_per_run: how many new files have a run together, if very many are new.
        sensor_seconds: between two looks, at least; None: 5 for a local folder, else 60.
        quiet_seconds: for which a file or folder has to stay as it is before its run.
        cron: when the schedule ticks.
        timezone: the IANA time zone that `cron` is meant in.
        notify_urls: apprise URLs that are told how runs end, with spaces between; secret.
        ui_url: where the Dagster UI is, for links in messages.
    """

    pattern: str = "*.img"
    runs_per_tick: int = 25
    files_per_run: int = 25
    sensor_seconds: int | None = None
    quiet_seconds: int = 0
    cron: str = "0 2 * * *"
    timezone: str = "UTC"
    notify_urls: str = field(default="", repr=False)
    ui_url: str = "http://127.0.0.1:3000"

    @staticmethod
    def from_environment() -> AutomationSettings:
        """Return what the variables `IMAGETL_...` say. Raises ValueError, naming a wrong one."""
        default = AutomationSettings()
        seconds = os.environ.get("IMAGETL_SENSOR_SECONDS")
        return AutomationSettings(
            pattern=os.environ.get("IMAGETL_PATTERN") or default.pattern,
            runs_per_tick=_positive("IMAGETL_RUNS_PER_TICK", default.runs_per_tick),
            files_per_run=_positive("IMAGETL_FILES_PER_RUN", default.files_per_run),
            sensor_seconds=_positive("IMAGETL_SENSOR_SECONDS", 0) if seconds else None,
            quiet_seconds=_positive("IMAGETL_QUIET_SECONDS", default.quiet_seconds),
            cron=os.environ.get("IMAGETL_CRON") or default.cron,
            timezone=os.environ.get("IMAGETL_TIMEZONE") or default.timezone,
            notify_urls=os.environ.get("IMAGETL_NOTIFY_URLS") or default.notify_urls,
            ui_url=os.environ.get("IMAGETL_UI_URL") or default.ui_url,
        )


def _positive(name: str, default: int) -> int:
    text = os.environ.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{name} is {text!r}, but must be a whole number above 0")
    return int(text)
