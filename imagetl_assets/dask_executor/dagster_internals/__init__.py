"""Everything in this package that depends on private parts of Dagster, SQLAlchemy or alembic.

Look here first if a new version of Dagster breaks something or makes runs slower:

- `table`: each private part that is replaced: what, why, what it saves, which test shows it
- `replacement`, `digests`: what a row says, and the sources that it is right for
- `replacing`: decides for each row of the table whether it is used
- `prepare`: applies the rows to a process or to an instance
- `names`: the private classes and functions that are used as they are, in one list
- `instances`: references to instances, and where an instance is
- `steps`: runs one step as Dagster's own executors do
- `database`, `event_log`, `sqlite`, `migrations`, `transactions`, `lookups`, `compute_logs`: the
  replacements themselves, by subject

Nothing else in this package imports from `dagster._core` or another private module.
"""
