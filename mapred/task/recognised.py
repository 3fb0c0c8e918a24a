"""Reducers that are one call of Python's own: `yield key, sum(values)`, `min` or `max`.

For ints that is what columns do natively, so the engine does it there. Anything else in the method,
or values that aren't all ints, and the user's code is called as it is.
"""

import ast
import builtins
import inspect
import textwrap
from functools import cache
from types import FunctionType
from typing import Final

from mapred.records import Reducer
from mapred.reducers.port import Builtin
from mapred.shuffle.folds import Fold

_FOLD_OF: Final = {"sum": Fold.SUM, "min": Fold.MIN, "max": Fold.MAX}


def fold_of(reducer: type[Reducer]) -> Fold | None:
    """What the reducer does to ints, where columns can do the same."""
    if issubclass(reducer, Builtin):
        return reducer.fold
    function = reducer.reduce
    if not isinstance(function, FunctionType) or function.__closure__:
        return None
    name = _only_call(function)
    if name not in _FOLD_OF or name in function.__globals__:
        return None
    return _FOLD_OF[name] if getattr(builtins, name, None) in (sum, min, max) else None


@cache
def _only_call(function: FunctionType) -> str:
    """The f of `def reduce(self, key, values): yield key, f(values)`; "" for any other body."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return ""
    match tree.body:
        case [
            ast.FunctionDef(
                args=ast.arguments(
                    posonlyargs=[],
                    args=[_, ast.arg(arg=key), ast.arg(arg=values)],
                    vararg=None,
                    kwonlyargs=[],
                    kwarg=None,
                ),
                body=[*documentation, ast.Expr(ast.Yield(ast.Tuple([one, call])))],
                decorator_list=[],
            )
        ] if all(map(_is_text, documentation)):
            match one, call:
                case (
                    ast.Name(id=yielded),
                    ast.Call(func=ast.Name(id=name), args=[ast.Name(id=argument)], keywords=[]),
                ) if (yielded, argument) == (key, values) and key != values:
                    return name
    return ""


def _is_text(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant(str())):
            return True
    return False
