"""Journals and images as plain objects, for people and for `jq`. Offline; changes nothing.

A transaction is {"transaction": 7, "kind": "FileCreated", …the entry's fields}. Of an image come
{"kind": "image", …}, then {"kind": "directory" | "file", "path": …, …} in order of ids, then the
remembered requests as {"kind": "request", …}.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from blockstore.namenode import image, journal, journalreader
from blockstore.namenode.disk import Disk
from blockstore.namenode.entries import Entry
from blockstore.namenode.namespace import ROOT_ID
from blockstore.wire import journal_pb2


def of_entry(transaction: int, entry: Entry) -> dict[str, Any]:
    kind = {"transaction": transaction, "kind": type(entry).__name__}
    return kind | dataclasses.asdict(entry)


def of_journal(
    disk: Disk, first: int | None = None, last: int | None = None
) -> Iterator[dict[str, Any]]:
    """The transactions from `first` to `last` that the segments have.

    Raises:
        JournalCorruptException: at the first damage; what was before it has been given.
    """
    firsts = journal.segments(disk)
    if not firsts:
        return
    after = max(first or 0, firsts[0]) - 1
    for transaction, entry in journalreader.read(disk, after):
        if last is not None and transaction > last:
            return
        yield of_entry(transaction, entry)


def of_image(data: bytes) -> Iterator[dict[str, Any]]:
    """Raises JournalCorruptException before the first object when the image is damaged."""
    messages = list(image.messages(data))
    inodes = {m.inode_id: m for m in messages if isinstance(m, journal_pb2.ImageInode)}
    paths: dict[int, str] = {ROOT_ID: ""}
    permissions: list[Any] = []
    for message in messages:
        fields = _plain(message)
        if isinstance(message, journal_pb2.ImageHeader):
            permissions = fields.pop("permissions", [])
            yield {"kind": "image"} | fields
        elif isinstance(message, journal_pb2.ImageInode):
            fields.pop("is_directory", None)
            fields["permission"] = permissions[message.permission]
            path = {"path": _path(message.inode_id, inodes, paths) or "/"}
            kind = "directory" if message.is_directory else "file"
            yield {"kind": kind} | path | fields
        else:
            yield {"kind": "request"} | fields


def newest_image(disk: Disk) -> str:
    """Raises FileNotFoundError when there is none."""
    found = image.images(disk)
    if not found:
        raise FileNotFoundError(f"{disk.place} has no image yet: see mapred admin journal dump")
    return image.image_name(found[-1])


def _path(inode_id: int, inodes: dict[int, journal_pb2.ImageInode], paths: dict[int, str]) -> str:
    """Remembers the paths of directories, so that a deep tree costs no more than a flat one."""
    chain = []
    while inode_id not in paths:
        chain.append(inode_id)
        inode_id = inodes[inode_id].parent_id
    path = paths[inode_id]
    for below in reversed(chain):
        path = f"{path}/{inodes[below].name}"
        if inodes[below].is_directory:
            paths[below] = path
    return path


def _plain(value: Any) -> Any:
    """As protobuf's own JSON, but numbers of 64 bits stay numbers."""
    if isinstance(value, Message):
        return {field.name: _plain(inner) for field, inner in value.ListFields()}
    if isinstance(value, str | int | float):
        return value
    return [_plain(inner) for inner in value]
