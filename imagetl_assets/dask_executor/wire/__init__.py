"""All that the run's process and the workers say to each other.

- `tasks`: what a worker is given (from the run's process to a worker)
- `messages`: what a worker tells (from a worker to the run's process)
- `calls`: function calls that any worker can unpickle
- `versions`: what both sides compare before anything is unpickled
"""
