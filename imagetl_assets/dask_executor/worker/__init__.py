"""What happens on a Dask worker: it runs batches of steps, and tells the run's process about them.

- `batch`: the task that Dask runs; start reading here
- `unpacking`: unpickles, opens and loads what a batch needs, or says why it cannot
- `isolation`: runs an isolated step in a process of its own; `step_process` is that process
- `forks`: lets signals end the processes that such a step forks
- `leftovers`: ends what that process has started and left running
- `steps`: runs the steps of a batch, one after the other
- `loading`: what a worker keeps between batches: the instance and the definitions
- `loaded_job`: a job whose definition is loaded
- `sender`: sends messages to the run's process
- `forwarding`: has the events of the run sent, not written
- `compute_logs`: captures what the steps of a batch print
- `place`: which worker it is
- `interrupts`: interrupts the batch that is running
"""
