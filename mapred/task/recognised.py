"""User code that the engine knows how to do natively, with the very same result.

- A reducer that is one call of Python's own, `yield key, sum(values)`, `min` or `max`, while the
  values are ints: columns do it.
- A mapper of text that is `for word in line.split(): yield word, 1`: whole buffers do it.
- A mapper that is `yield key, value`, where the format has columns, and a reducer that is
  `for value in values: yield key, value`: columns pass by.

Anything else in the method, or other values, and the user's code is called as it is.
"""

import ast
import builtins
import inspect
import textwrap
from functools import cache
from types import FunctionType
from typing import Final

from mapred.columnar import BatchMapper, BlockMapper
from mapred.records import Mapper, Reducer
from mapred.reducers.port import Builtin
from mapred.shuffle.folds import AnyFold, Fold

_FOLD_OF: Final = {"sum": Fold.SUM, "min": Fold.MIN, "max": Fold.MAX}


def fold_of(reducer: type[Reducer]) -> AnyFold | None:
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
    match _plain_method(function):
        case (
            key,
            values,
            [
                ast.Expr(
                    ast.Yield(
                        ast.Tuple(
                            [
                                ast.Name(id=yielded),
                                ast.Call(
                                    func=ast.Name(id=name),
                                    args=[ast.Name(id=argument)],
                                    keywords=[],
                                ),
                            ]
                        )
                    )
                )
            ],
        ) if (yielded, argument) == (key, values) and key != values:
            return name
    return ""


def constant_of_words(mapper: type[Mapper]) -> int | None:
    """The int that the mapper yields with every word of a line, if that is all that it does."""
    function = mapper.map
    if not isinstance(function, FunctionType) or function.__closure__:
        return None
    return _constant_of_words(function)


@cache
def _constant_of_words(function: FunctionType) -> int | None:
    match _plain_method(function):
        case (
            _,
            line,
            [
                ast.For(
                    target=ast.Name(id=word),
                    iter=ast.Call(
                        func=ast.Attribute(value=ast.Name(id=split), attr="split"),
                        args=[],
                        keywords=[],
                    ),
                    body=[
                        ast.Expr(
                            ast.Yield(ast.Tuple([ast.Name(id=yielded), ast.Constant(constant)]))
                        )
                    ],
                    orelse=[],
                )
            ],
        ) if (split, yielded) == (line, word) and type(constant) is int:
            return constant
    return None


def folds_columns(mapper: type[Mapper], combiner: type[Reducer] | None, input_format: str) -> bool:
    """Whether what the mapper yields is columns, and columns make one number of it for a key."""
    if combiner is None or fold_of(combiner) not in _FOLD_OF.values():
        return False
    if issubclass(mapper, BatchMapper | BlockMapper):
        return True
    return input_format == "text" and constant_of_words(mapper) is not None


def gives_the_same(mapper: type[Mapper]) -> bool:
    """Whether all that the mapper does is `yield key, value`."""
    function = mapper.map
    return isinstance(function, FunctionType) and _gives_the_same(function)


@cache
def _gives_the_same(function: FunctionType) -> bool:
    match _plain_method(function):
        case (
            key,
            value,
            [ast.Expr(ast.Yield(ast.Tuple([ast.Name(id=first), ast.Name(id=second)])))],
        ):
            return (first, second) == (key, value) and key != value
    return False


def gives_all_values(reducer: type[Reducer]) -> bool:
    """Whether all that the reducer does is `for value in values: yield key, value`."""
    function = reducer.reduce
    return isinstance(function, FunctionType) and _gives_all_values(function)


@cache
def _gives_all_values(function: FunctionType) -> bool:
    match _plain_method(function):
        case (
            key,
            values,
            [
                ast.For(
                    target=ast.Name(id=value),
                    iter=ast.Name(id=many),
                    body=[
                        ast.Expr(ast.Yield(ast.Tuple([ast.Name(id=first), ast.Name(id=second)])))
                    ],
                    orelse=[],
                )
            ],
        ):
            return (many, first, second) == (values, key, value) and value != key
    return False


def _plain_method(function: FunctionType) -> tuple[str, str, list[ast.stmt]] | None:
    """Names of the two arguments after self, and the body without its docstring."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    match tree.body:
        case [
            ast.FunctionDef(
                args=ast.arguments(
                    posonlyargs=[],
                    args=[_, ast.arg(arg=first), ast.arg(arg=second)],
                    vararg=None,
                    kwonlyargs=[],
                    kwarg=None,
                ),
                body=[*documentation, last],
                decorator_list=[],
            )
        ] if all(map(_is_text, documentation)):
            return first, second, [last]
    return None


def _is_text(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant(str())):
            return True
    return False
