"""Options of a format against the types of the fields that they become: a word where a list of
words is meant would be taken letter by letter, and "no" for yes."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from mapred.errors import JobDefinitionError

_WORDS: Final[Mapping[Any, str]] = {
    bool: "True or False",
    int: "an int",
    float: "a number",
    str: "a str",
    Sequence: "a list",
    Mapping: "a dict",
}


def check_options(format_name: str, kind: type, options: Mapping[str, Any]) -> None:
    """
    Raises:
        JobDefinitionError: one is of the wrong type.
    """
    hints = get_type_hints(kind)
    for name, value in options.items():
        kinds = [get_origin(one) or one for one in _alternatives(hints[name])]
        if not any(_is(value, one) for one in kinds):
            wanted = " or ".join(_WORDS.get(one, "None") for one in kinds)
            raise JobDefinitionError(f"format '{format_name}': {name} is {wanted}, not {value!r}")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _is(value: Any, kind: Any) -> bool:
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float)
    if kind is Sequence:
        return isinstance(value, list | tuple)
    return kind is Any or isinstance(value, kind)
