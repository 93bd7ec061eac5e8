"""Calls that can travel to any worker, whatever is installed there.

A worker that cannot unpickle a task's function is lost to all its users. One that lacks its package
could not, nor could another version of Python what cloudpickle makes of a function: bytecode.
All workers can unpickle `eval` and text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

# With dots only, as this imports packages before what is in them: with two threads at it at once,
# the other way can end in a deadlock of import locks.
_BY_NAME = "__import__('pkgutil').resolve_name(function)(*arguments)"
_BY_SOURCE = "(exec(source, globals()), globals()[function](*arguments))[1]"


def by_name(function: str, *arguments: Any) -> Callable[[], Any]:
    """A call of `"module.function"`, which the worker imports when it makes the call."""
    return partial(eval, _BY_NAME, {"function": function, "arguments": arguments})


def by_source(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """A call of a function that stands by itself: all that it uses, it imports in its body."""
    source = "from __future__ import annotations\n" + inspect.getsource(function)
    scope = {"source": source, "function": function.__name__, "arguments": arguments}
    return partial(eval, _BY_SOURCE, scope)
