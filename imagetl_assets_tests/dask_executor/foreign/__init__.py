"""Dagster's own tests of execution, run with this executor in the place of Dagster's.

`python -m imagetl_assets_tests.dask_executor.foreign` runs them, and compares with a run of the
same tests with Dagster's executors.

- `__main__`: the command
- `source`: gets the tests, which are in dagster's source distribution
- `suite`: runs them in a process of their own, and reads what came of each
- `plugin`: the plugin of pytest that puts this executor in the place of Dagster's
- `forked_cluster`: a Dask cluster whose workers are copies of the test's process, as many jobs of
  these tests exist in its memory only
- `carried`: what those tests look for in memory, carried from workers to the test's process
- `files.txt`: the files whose tests are run
- `in_thread.txt`: tests that look at what a step has changed in memory or printed, or at an order
  of steps that only one worker keeps, so that their worker is a thread of the test's process; all
  others run on two workers that are processes of their own
- `differing.txt`: tests that are expected to differ, and why
- `libraries`: the tests of dagster-dask and dagster-celery, with this executor in the place of
  theirs (`stand_ins`, `libraries_plugin`)
"""
