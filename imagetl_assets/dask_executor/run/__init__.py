"""What happens in the run's process: it drives the plan, and lets Dask workers run the steps.

- `execution`: opens a cluster for a plan, and runs it there
- `loop`: the loop of a run; start reading here
- `needs`: what the tags of a step ask for
- `ready_steps`: steps that can run, and how they are put together in batches
- `rows`: steps that follow directly on another one and run in a row on the same worker
- `batches`: the batches that Dask has
- `events`: what the events of a batch mean for the plan
- `losses`: what is run again when a worker is lost
- `time_limits`: what is waited for in vain
- `stopping`: what happens when the run is interrupted
- `event_writer`: writes events into the event log
- `report`: Dask's performance report of a run
- `reexecution`: mapped steps that Dagster leaves out of a re-execution from failure
- `worker_check`: how a worker differs from the run's process
"""
