"""HTML from functions: every text is escaped unless it is `Html` already.

`tag("a", "R&D", href="/x")` is `<a href="/x">R&amp;D</a>`. Children may be nested
sequences; None, False and "" vanish. Names of users, jobs and files come from anybody, so there is
no other way to make `Html` than through here.
"""

from collections.abc import Iterable
from html import escape
from typing import Final, TypeAlias


class Html(str):
    """Markup that is safe to send as it is."""

    __slots__ = ()


Child: TypeAlias = str | int | Iterable["Child"] | None
Attribute: TypeAlias = str | int | float | bool | None

VOID: Final = frozenset({"meta", "link", "br", "input"})


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """One element; `class_` and `data_x` become class and data-x, True is a bare attribute."""
    start = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{start}>")
    return Html(f"<{start}>{join(children)}</{name}>")


def join(children: Child) -> Html:
    """The children one after the other."""
    match children:
        case None | False:
            return Html("")
        case Html():
            return children
        case str():
            return Html(escape(children))
        case int():
            return Html(str(children))
        case _:
            return Html("".join(join(child) for child in children))


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    return f' {name}="{escape(str(value))}"'
