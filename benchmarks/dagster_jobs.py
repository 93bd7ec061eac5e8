"""The project's definitions with Dagster's own executors."""

from dagster import in_process_executor, multiprocess_executor

from imagetl_assets.definitions import define
from imagetl_assets.settings import storage_root, upstream_base

multiprocess = define(storage_root(), upstream_base(), multiprocess_executor)
in_process = define(storage_root(), upstream_base(), in_process_executor)
