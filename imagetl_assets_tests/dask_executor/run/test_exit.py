"""The process of a run ends without looking for garbage."""

import subprocess
import sys

PROGRAM = """
from imagetl_assets.dask_executor.run.exit import exit_without_collecting

class Garbage:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print("collected")

exit_without_collecting()
Garbage()
print("over")
"""


def test_what_is_left_at_the_exit_is_not_looked_through() -> None:
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout == "over\n"
