"""Journal entries as bytes: field by field, by name, between dataclass and protobuf."""

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, get_args, get_type_hints

from google.protobuf.message import DecodeError

from blockstore.codec import (
    block_from_wire,
    block_to_wire,
    nodes_from_wire,
    nodes_to_wire,
    permission_from_wire,
    permission_to_wire,
)
from blockstore.errors import JournalCorruptException
from blockstore.model import Block, Node, Permission
from blockstore.namenode.entries import Entry
from blockstore.wire import journal_pb2


def _wire_name(kind: type) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower()


def _put_block(message: Any, name: str, value: Block | None) -> None:
    if value is not None:
        getattr(message, name).CopyFrom(block_to_wire(value))


def _get_block(message: Any, name: str) -> Block | None:
    return block_from_wire(getattr(message, name)) if message.HasField(name) else None


def _put_nodes(message: Any, name: str, value: tuple[Node, ...]) -> None:
    getattr(message, name).extend(nodes_to_wire(value))


def _get_nodes(message: Any, name: str) -> tuple[Node, ...]:
    return nodes_from_wire(getattr(message, name))


def _put_permission(message: Any, name: str, value: Permission) -> None:
    getattr(message, name).CopyFrom(permission_to_wire(value))


def _get_permission(message: Any, name: str) -> Permission:
    return permission_from_wire(getattr(message, name))


def _put_ids(message: Any, name: str, value: tuple[int, ...]) -> None:
    getattr(message, name).extend(value)


def _get_ids(message: Any, name: str) -> tuple[int, ...]:
    return tuple(getattr(message, name))


def _put(message: Any, name: str, value: Any) -> None:
    # What isn't there is read as such a value.
    if value:
        setattr(message, name, value)


_Field = tuple[str, Callable[[Any, str, Any], None], Callable[[Any, str], Any]]


def _fields_of(kind: type) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)

    def converters(hint: Any) -> tuple[Any, Any]:
        if Block in (hint, *get_args(hint)):
            return _put_block, _get_block
        if Node in get_args(hint):
            return _put_nodes, _get_nodes
        if hint is Permission:
            return _put_permission, _get_permission
        if int in get_args(hint):
            return _put_ids, _get_ids
        return _put, getattr

    return tuple((field.name, *converters(hints[field.name])) for field in fields(kind))


_WIRE_NAMES: Final[dict[type, str]] = {kind: _wire_name(kind) for kind in get_args(Entry)}
_KINDS: Final[dict[str, type]] = {name: kind for kind, name in _WIRE_NAMES.items()}
_FIELDS: Final[dict[type, tuple[_Field, ...]]] = {kind: _fields_of(kind) for kind in _WIRE_NAMES}


def encode(entry: Entry) -> bytes:
    wire = journal_pb2.JournalEntry()
    message = getattr(wire, _WIRE_NAMES[type(entry)])
    message.SetInParent()
    for name, put, _ in _FIELDS[type(entry)]:
        put(message, name, getattr(entry, name))
    return wire.SerializeToString()


def decode(payload: bytes) -> Entry:
    """The entry of a record whose checksum was right.

    Raises:
        JournalCorruptException: no entry of this version; the message has no place yet.
    """
    try:
        wire = journal_pb2.JournalEntry.FromString(payload)
    except DecodeError as error:
        raise JournalCorruptException(f"not a journal entry: {error}") from None
    name = wire.WhichOneof("kind")
    if name is None:
        raise JournalCorruptException(
            "an entry of an unknown kind: it was written by a newer version; start that one"
        )
    kind, message = _KINDS[name], getattr(wire, name)
    entry: Entry = kind(*(get(message, field) for field, _, get in _FIELDS[kind]))
    return entry
