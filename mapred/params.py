"""Typed parameters of a job: declared as fields, set with `-D name=value`.

    class Grep(Job):
        pattern: str = Param(help="regular expression to look for")
        minimum: int = Param(1, help="shortest match that counts")

Types: int, float, str, bool, `list` of one of these (comma-separated), each also `| None`
(an empty value). A parameter without a default must be given. A parameter without an
annotation has the type of its default.
"""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mapred.errors import JobDefinitionError, ParamError

_REQUIRED: Final = object()
_WORDS_OF_BOOL: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_SCALARS: Final = (int, float, str, bool)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a job file says of one parameter."""

    default: Any
    help: str

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


def Param(default: Any = _REQUIRED, *, help: str = "") -> Any:  # noqa: N802, A002
    """Declares a parameter of a Job: the value of a class attribute with a type annotation."""
    return Declaration(default, help)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a job, with its type resolved."""

    name: str
    kind: Any
    default: Any
    help: str

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED

    def __str__(self) -> str:
        default = "required" if self.required else f"default {self.default!r}"
        return f"{self.name}: {_name_of(self.kind)} ({default})" + (
            f"  {self.help}" if self.help else ""
        )


def parameters(job: type) -> dict[str, Parameter]:
    """The parameters of a job class, in order of declaration, those of its bases first.

    Raises:
        JobDefinitionError: a type that can't be set from a word.
    """
    return dict(_parameters(job))


# Every task asks, and resolving annotations costs more than a small task's own work.
@lru_cache(maxsize=64)
def _parameters(job: type) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for owner in reversed(job.__mro__):
        hints: Mapping[str, Any] | None = None
        for name, value in vars(owner).items():
            if isinstance(value, Declaration):
                hints = _hints(owner) if hints is None else hints
                kind = _kind(owner, name, value.default, hints)
                found[name] = Parameter(name, kind, value.default, value.help)
            elif name in found:
                # A subclass gives a parameter another default by plain assignment.
                old = found[name]
                found[name] = Parameter(name, old.kind, value, old.help)
    return found


def _hints(owner: type) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(owner)
    except Exception as error:
        raise JobDefinitionError(
            f"{owner.__name__}: the annotations can't be resolved: {error}"
        ) from None


def _kind(owner: type, name: str, default: Any, hints: Mapping[str, Any]) -> Any:
    kind = hints.get(name)
    if kind is None:
        kind = str if default is _REQUIRED or default is None else type(default)
    if not _known(kind):
        raise JobDefinitionError(
            f"{owner.__name__}.{name}: a parameter can't be of type {_name_of(kind)}. "
            "Use int, float, str, bool, or a list of one of these, or `| None`"
        )
    return kind


def _known(kind: Any) -> bool:
    inner = _optional(kind)
    if inner is not None:
        return _known(inner)
    if typing.get_origin(kind) is list:
        return typing.get_args(kind)[0] in _SCALARS
    return kind in _SCALARS or kind is list


def _optional(kind: Any) -> Any:
    """X of `X | None`, else None."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return None
    others = [part for part in typing.get_args(kind) if part is not type(None)]
    return others[0] if len(others) == 1 else None


def _name_of(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)


def set_parameters(job: type, words: Mapping[str, str]) -> dict[str, Any]:
    """The values that `-D` words give, by name; parameters left at their default are absent.

    Raises:
        ParamError: an unknown name, a value of the wrong type, or a required one missing.
    """
    known = parameters(job)
    values: dict[str, Any] = {}
    for name, word in words.items():
        if name not in known:
            raise ParamError(f"{job.__name__} has no parameter '{name}'. {_listing(job, known)}")
        try:
            values[name] = _parsed(known[name].kind, word)
        except ValueError as error:
            raise ParamError(
                f"-D {name}={word}: {error}. It must be {_name_of(known[name].kind)}"
                + (f" ({known[name].help})" if known[name].help else "")
            ) from None
    missing = [name for name, one in known.items() if one.required and name not in values]
    if missing:
        raise ParamError(
            f"{job.__name__} needs {', '.join(f'-D {name}=…' for name in missing)}. "
            f"{_listing(job, known)}"
        )
    return {name: value for name, value in values.items() if value != known[name].default}


def _listing(job: type, known: Mapping[str, Parameter]) -> str:
    if not known:
        return f"{job.__name__} has no parameters at all"
    return "Its parameters are:\n  " + "\n  ".join(str(one) for one in known.values())


def word_as(kind: Any, word: str) -> Any:
    """What a word of the command line means as a value of this type; raises ValueError."""
    return _parsed(kind, word)


def _parsed(kind: Any, word: str) -> Any:
    inner = _optional(kind)
    if inner is not None:
        return None if word == "" else _parsed(inner, word)
    if kind is list or typing.get_origin(kind) is list:
        item = (typing.get_args(kind) or (str,))[0]
        return [_parsed(item, part.strip()) for part in word.split(",")] if word else []
    if kind is bool:
        if word.lower() not in _WORDS_OF_BOOL:
            raise ValueError(f"'{word}' is neither true nor false")
        return _WORDS_OF_BOOL[word.lower()]
    if kind is str:
        return word
    try:
        return kind(word)
    except ValueError:
        raise ValueError(f"'{word}' is not a number") from None


class Params:
    """The parameters' values as attributes: `self.ctx.params.minimum`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the job has no parameter '{name}', only {sorted(self.__dict__) or 'none'}: "
            f"declare it in the Job class, such as `{name}: int = Param(1)`"
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"parameters are constants of a job: '{name}' can't be set")

    def __repr__(self) -> str:
        return f"Params({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def values_of(job: type, params_json: str) -> Params:
    """Every parameter with its value: what was set at submit over the defaults."""
    values = {name: one.default for name, one in parameters(job).items()}
    return Params(values | json.loads(params_json or "{}"))
