"""What one operation on names does to a small tree: the specification of histories.

A state is a frozen set of (path, node). A node is DIRECTORY or a File; a file that is open has
its writer's token, which `finish` names.

Actions and their results; any may also be refused, with a word:
    ("mkdir", path)                  "ok"        exists, missing, no-directory
    ("create", path, token)          "ok"        exists, no-directory; without a token nothing
                                                 is known of when the file is open
    ("append", path, token)          "ok"        missing, gone, is-directory, busy
    ("finish", token, bytes)         "ok"        gone
    ("rename", old, new, replace)    "ok"        missing, exists, no-directory, is-directory,
                                                 not-empty, below-itself
    ("delete", path)                 True, False
    ("stat", path)                   None, "directory", ("open",), ("file", bytes)
    ("list", path)                   names       missing
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.cluster.linearizability import Operation

DIRECTORY = "directory"
START: frozenset[Any] = frozenset()
# The token of writers that never finish.
NOBODY = "nobody"


class File(NamedTuple):
    """`blurred`: its writer's fate isn't known, so neither is whether it is open, or how long."""

    bytes: int
    writer: str | None
    blurred: bool = False


class Refusal(Exception):
    """The word that is answered."""


def step(state: frozenset[Any], operation: Operation) -> frozenset[Any] | None:
    """The state after it; None when it can't have answered what it did."""
    tree = dict(state)
    name, *arguments = operation.action
    try:
        answer = _ACTIONS[name](tree, operation, *arguments)
    except Refusal as refusal:
        return state if not operation.is_known or str(refusal) == operation.result else None
    if operation.is_known and not _agrees(answer, operation.result):
        return None
    return frozenset(tree.items())


def simplified(history: Sequence[Operation]) -> list[Operation]:
    """As good as it, with less to search: whose writer nobody names again writes alike."""
    named = {operation.action[1] for operation in history if operation.action[0] == "finish"}
    return [
        dataclasses.replace(operation, action=(*operation.action[:2], NOBODY))
        if operation.action[0] in ("create", "append")
        and not operation.is_known
        and operation.action[2] not in named
        else operation
        for operation in history
    ]


def _agrees(answer: Any, result: Any) -> bool:
    return result in answer if isinstance(answer, set) else answer == result


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _above(path: str) -> Iterator[str]:
    while path := _parent(path):
        yield path


def _below(tree: dict[str, Any], path: str) -> list[str]:
    return [known for known in tree if known.startswith(path + "/")]


def _check_above(tree: dict[str, Any], path: str) -> None:
    """No file is in the way."""
    if any(isinstance(tree.get(above), File) for above in _above(path)):
        raise Refusal("no-directory")


def _check_parent(tree: dict[str, Any], path: str) -> None:
    _check_above(tree, path)
    if _parent(path) and _parent(path) not in tree:
        raise Refusal("missing")


def _mkdir(tree: dict[str, Any], _: Operation, path: str) -> str:
    if path in tree:
        raise Refusal("exists")
    _check_parent(tree, path)
    tree[path] = DIRECTORY
    return "ok"


def _create(tree: dict[str, Any], operation: Operation, path: str, token: str | None) -> str:
    if path in tree:
        raise Refusal("exists")
    _check_above(tree, path)
    for above in _above(path):
        tree[above] = DIRECTORY
    tree[path] = File(0, token, blurred=token is None)
    return "ok"


def _append(tree: dict[str, Any], operation: Operation, path: str, token: str) -> Any:
    node = tree.get(path)
    if node is None:
        raise Refusal("missing")
    if node == DIRECTORY:
        raise Refusal("is-directory")
    if node.blurred:
        return {"ok", "busy", "missing", "gone"}
    if node.writer is not None:
        raise Refusal("busy")
    tree[path] = node._replace(writer=token)
    # Two steps: the file may be deleted before its last block is open, and that is told then.
    return {"ok", "missing", "gone"}


def _finish(tree: dict[str, Any], operation: Operation, token: str, added: int) -> Any:
    """Closes the file, longer by so many bytes."""
    for path, node in tree.items():
        if isinstance(node, File) and node.writer == token:
            blurred = not operation.is_known
            tree[path] = File(node.bytes + added, None, blurred)
            return "ok"
    if any(isinstance(node, File) and node.blurred for node in tree.values()):
        return {"ok", "gone"}
    raise Refusal("gone")


def _rename(tree: dict[str, Any], _: Operation, old: str, new: str, replace: bool) -> str:
    moving, standing = tree.get(old), tree.get(new)
    if moving is None:
        raise Refusal("missing")
    if old == new:
        return "ok"
    _check_parent(tree, new)
    if new.startswith(old + "/"):
        raise Refusal("below-itself")
    if standing is not None:
        _check_replaceable(tree, moving, standing, new, replace)
    for path in [old, *_below(tree, old)]:
        tree[new + path.removeprefix(old)] = tree.pop(path)
    return "ok"


def _check_replaceable(
    tree: dict[str, Any], moving: Any, standing: Any, new: str, replace: bool
) -> None:
    if not replace:
        raise Refusal("exists")
    if standing == DIRECTORY and moving != DIRECTORY:
        raise Refusal("is-directory")
    if standing != DIRECTORY and moving == DIRECTORY:
        raise Refusal("no-directory")
    if _below(tree, new):
        raise Refusal("not-empty")


def _delete(tree: dict[str, Any], _: Operation, path: str) -> bool:
    below = _below(tree, path)
    for gone in below:
        del tree[gone]
    return tree.pop(path, None) is not None


def _stat(tree: dict[str, Any], operation: Operation, path: str) -> Any:
    node = tree.get(path)
    if not isinstance(node, File):
        return node
    if node.blurred:
        return {operation.result} if isinstance(operation.result, tuple) else set()
    return ("open",) if node.writer is not None else ("file", node.bytes)


def _list(tree: dict[str, Any], _: Operation, path: str) -> tuple[str, ...]:
    if path and path not in tree:
        raise Refusal("missing")
    if path and tree[path] != DIRECTORY:
        return (path.rpartition("/")[2],)
    return tuple(sorted(known.rpartition("/")[2] for known in tree if _parent(known) == path))


_ACTIONS = {
    "mkdir": _mkdir,
    "create": _create,
    "append": _append,
    "finish": _finish,
    "rename": _rename,
    "delete": _delete,
    "stat": _stat,
    "list": _list,
}
