"""Function calls that any worker can unpickle, whatever is installed there.

If a worker cannot unpickle a task's function, Dask takes the worker away from all of its users.
That happens if the function's package is not installed there. It also happens with what cloudpickle
makes of a function, which is bytecode of one version of Python. `eval` and text can be unpickled by
all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

# The name has dots only, no colon: so `resolve_name` imports a package before what is in it. The
# other order can end in a deadlock of import locks, if two threads import at the same time.
_BY_NAME = "__import__('pkgutil').resolve_name(function)(*arguments)"
_BY_SOURCE = "(exec(source, globals()), globals()[function](*arguments))[1]"


def by_name(function: str, *arguments: Any) -> Callable[[], Any]:
    """Return a call of `"module.function"`, which the worker imports when it makes the call."""
    return partial(eval, _BY_NAME, {"function": function, "arguments": arguments})


def by_source(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Return a call of a function that travels as source text: it imports all that it uses."""
    source = "from __future__ import annotations\n" + inspect.getsource(function)
    scope = {"source": source, "function": function.__name__, "arguments": arguments}
    return partial(eval, _BY_SOURCE, scope)
