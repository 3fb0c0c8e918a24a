"""Checkpoint images: the whole journaled state at one transaction, in one file.

Files

    image-<transaction>             20 digits, so that names sort
    image-<transaction>.part-<n>    being written; removed at the next start

Format (little-endian)

    magic "BSIMAGE2" | records | SHA-256 of all before

    record     payload bytes u32 | payload
    payloads   one ImageHeader; its number of ImageInodes, by rising id; its number of
               JournalEntries, the remembered requests, oldest first

Rules
- The same state gives the same bytes.
- An image gets its name only when it's whole and durable. The last two are kept.
- A damaged image is passed over with a warning when the one before it and the journal since
  can replace it; that is why two are kept, and the journal since the older.
"""

import contextlib
import hashlib
import logging
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from google.protobuf.message import DecodeError, Message

from blockstore.codec import (
    block_to_wire,
    node_from_wire,
    node_to_wire,
    nodes_from_wire,
    nodes_to_wire,
    permission_from_wire,
    permission_to_wire,
)
from blockstore.errors import JournalCorruptException
from blockstore.model import Permission
from blockstore.namenode import entrycodec
from blockstore.namenode.disk import Disk
from blockstore.namenode.formatversion import check_version
from blockstore.namenode.namespace import ROOT_ID, Directory, File, Inode, StoredBlock
from blockstore.namenode.openings import Opening
from blockstore.namenode.roster import Duty, Member
from blockstore.namenode.state import State
from blockstore.runtime import failpoint
from blockstore.wire import journal_pb2

log = logging.getLogger(__name__)

MAGIC: Final = b"BSIMAGE2"
PREFIX: Final = "image-"
PART: Final = ".part-"
# The older one is for the day on which the newer can't be read.
IMAGES_KEPT: Final = 2

_SIZE = struct.Struct("<I")
_WRITE_BYTES: Final = 1024 * 1024


def image_name(transaction: int) -> str:
    return f"{PREFIX}{transaction:020d}"


def images(disk: Disk) -> list[int]:
    """The transactions of all whole images, rising."""
    return [int(n[len(PREFIX) :]) for n in disk.names() if n.startswith(PREFIX) and PART not in n]


def remove_parts(disk: Disk) -> None:
    """What checkpoints that were killed have left."""
    for name in disk.names():
        if name.startswith(PREFIX) and PART in name:
            disk.remove(name)


# --- writing -----------------------------------------------------------------------------


def write(disk: Disk, state: State, unique: int) -> None:
    """Writes an image of the state; `unique` tells concurrent writers' parts apart."""
    name = image_name(state.transaction)
    part = f"{name}{PART}{unique}"
    try:
        _write_part(disk, part, state)
    except OSError:
        # On a full disk half an image would be in the way of what makes room.
        with contextlib.suppress(OSError):
            disk.remove(part)
        raise
    failpoint.hit("image.write.before_replace")
    disk.replace(part, name)
    failpoint.hit("image.write.after_replace")
    disk.sync_names()
    failpoint.hit("image.write.after_sync_names")


def _write_part(disk: Disk, part: str, state: State) -> None:
    file = disk.create(part)
    digest = hashlib.sha256()
    gathered = bytearray()
    for piece in encode(state):
        gathered += piece
        if len(gathered) >= _WRITE_BYTES:
            digest.update(gathered)
            file.write(bytes(gathered))
            gathered.clear()
    digest.update(gathered)
    file.write(bytes(gathered) + digest.digest())
    failpoint.hit("image.write_part.before_sync")
    file.sync()
    failpoint.hit("image.write_part.after_sync")
    file.close()


def encode(state: State) -> Iterator[bytes]:
    """The bytes of an image but for the digest, in pieces."""
    state.forget_all()
    inodes = [inode for _, inode in sorted(state.names.inodes.items())]
    places: dict[Permission, int] = {}
    for inode in inodes:
        places.setdefault(inode.permission, len(places))
    header = journal_pb2.ImageHeader(
        cluster_id=state.cluster_id,
        epoch=state.epoch,
        transaction=state.transaction,
        next_inode_id=state.next_inode_id,
        next_block_id=state.next_block_id,
        next_generation=state.next_generation,
        inodes=len(inodes),
        requests=len(state.requests),
        permissions=[permission_to_wire(permission) for permission in places],
        members=_members_to_wire(state),
    )
    yield MAGIC
    yield _record(header.SerializeToString(deterministic=True))
    for inode in inodes:
        wire = _inode_to_wire(inode, places[inode.permission], state.openings.get(inode.id))
        yield _record(wire.SerializeToString(deterministic=True))
    for entry in state.requests.values():
        yield _record(entrycodec.encode(entry))


def _members_to_wire(state: State) -> list[journal_pb2.ImageMember]:
    return [
        journal_pb2.ImageMember(
            node=node_to_wire(member.node),
            duty=member.duty.value,
            since_s=member.since_s,
            until_s=member.until_s,
        )
        for member in sorted(state.roster, key=lambda member: member.node.node_id)
    ]


def _record(payload: bytes) -> bytes:
    return _SIZE.pack(len(payload)) + payload


def _inode_to_wire(
    inode: Inode, permission: int, opening: Opening | None
) -> journal_pb2.ImageInode:
    wire = journal_pb2.ImageInode(
        inode_id=inode.id,
        parent_id=inode.parent.id if inode.parent is not None else 0,
        name=inode.name,
        modified_at_s=inode.modified_at_s,
        is_directory=isinstance(inode, Directory),
        permission=permission,
    )
    if isinstance(inode, File):
        wire.accessed_at_s = inode.accessed_at_s
        wire.replication = inode.replication
        wire.block_bytes = inode.block_bytes
        if inode.writer is not None:
            wire.writer = inode.writer
        if opening is not None:
            wire.opening.at_s = opening.at_s
            wire.opening.blocks_before = opening.blocks_before
            wire.opening.is_cut = opening.is_cut
        for block in inode.blocks:
            wire.blocks.add(
                block=block_to_wire(block.value()),
                committed=block.committed,
                pipeline=nodes_to_wire(block.pipeline),
            )
    return wire


# --- reading -----------------------------------------------------------------------------


def newest(disk: Disk) -> State:
    """The state of the newest image that is whole; an empty one when there is no image.

    Raises:
        JournalCorruptException: there are images, but none can be read.
        ConfigException: another version wrote one.
    """
    damaged = []
    for transaction in reversed(images(disk)):
        place = f"{disk.place}/{image_name(transaction)}"
        try:
            return decode(disk.read(image_name(transaction)), place)
        except JournalCorruptException as error:
            damaged.append(f"{place}: {error}")
            log.warning("image %s is damaged (%s): trying the one before it", place, error)
    if damaged:
        raise JournalCorruptException(
            "no checkpoint image can be read. Put one back from a copy of the NameNode's "
            "directory:\n  " + "\n  ".join(damaged)
        )
    return State()


def is_whole(disk: Disk, transaction: int) -> bool:
    try:
        _check(disk.read(image_name(transaction)), disk.place)
    except JournalCorruptException:
        return False
    return True


def messages(data: bytes) -> Iterator[Message]:
    """The messages of an image in order; raises JournalCorruptException."""
    payloads = _payloads(data, _check(data, "the image"))
    header = journal_pb2.ImageHeader.FromString(next(payloads))
    yield header
    for _ in range(header.inodes):
        yield journal_pb2.ImageInode.FromString(next(payloads))
    for _ in range(header.requests):
        yield journal_pb2.JournalEntry.FromString(next(payloads))


def decode(data: bytes, place: str = "the image") -> State:
    """The state in an image's bytes.

    Raises:
        JournalCorruptException: they aren't what was written.
        ConfigException: another version wrote them.
    """
    digest_at = _check(data, place)
    try:
        return _state_from(_payloads(data, digest_at))
    except (DecodeError, IndexError, StopIteration) as error:
        raise JournalCorruptException(f"it can't be decoded: {error}") from None


def _check(data: bytes, place: str) -> int:
    """Where the digest is, which was right."""
    digest_at = len(data) - hashlib.sha256().digest_size
    if digest_at < len(MAGIC):
        raise JournalCorruptException("it is no image")
    if hashlib.sha256(memoryview(data)[:digest_at]).digest() != data[digest_at:]:
        raise JournalCorruptException("its bytes don't match its digest")
    check_version(place, data, MAGIC)
    return digest_at


def _payloads(data: bytes, end: int) -> Iterator[bytes]:
    at = len(MAGIC)
    while at < end:
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size
        yield data[at : at + size]
        at += size


def _state_from(payloads: Iterator[bytes]) -> State:
    header = journal_pb2.ImageHeader.FromString(next(payloads))
    state = State()
    state.cluster_id = header.cluster_id
    state.epoch = header.epoch
    state.transaction = header.transaction
    state.next_inode_id = header.next_inode_id
    state.next_block_id = header.next_block_id
    state.next_generation = header.next_generation
    permissions = [state.names.shared(permission_from_wire(p)) for p in header.permissions]
    for known in header.members:
        state.roster.put(
            Member(node_from_wire(known.node), Duty(known.duty), known.since_s, known.until_s)
        )
    _read_inodes(islice(payloads, header.inodes), header.inodes, permissions, state)
    for _ in range(header.requests):
        state.remember(entrycodec.decode(next(payloads)))
    return state


def _read_inodes(
    payloads: Iterator[bytes], count: int, permissions: Sequence[Permission], state: State
) -> None:
    """A restart waits for this: every call in the loop costs a second per million files."""
    parse, inodes = journal_pb2.ImageInode.FromString, state.names.inodes
    parents: list[tuple[Inode, int]] = []
    for payload in payloads:
        wire = parse(payload)
        inode = _inode_from_wire(wire, permissions[wire.permission])
        if wire.inode_id == ROOT_ID:
            state.names.root.modified_at_s = inode.modified_at_s
            state.names.root.permission = inode.permission
            continue
        # A directory that was moved may have a higher id than what lies in it.
        parents.append((inode, wire.parent_id))
        inodes[wire.inode_id] = inode
        if isinstance(inode, File):
            state.adopt(inode, _opening_from_wire(wire) if inode.is_open else None)
    if len(parents) != count - 1:
        raise JournalCorruptException(f"it has {len(parents) + 1} inodes of {count}")
    for inode, parent_id in parents:
        state.names.directory(parent_id).put(inode)


def _inode_from_wire(wire: journal_pb2.ImageInode, permission: Permission) -> Inode:
    if wire.is_directory:
        return Directory(wire.inode_id, wire.name, wire.modified_at_s, permission)
    file = File(
        wire.inode_id,
        wire.name,
        wire.modified_at_s,
        permission,
        replication=wire.replication,
        block_bytes=wire.block_bytes,
        writer=wire.writer if wire.HasField("writer") else None,
    )
    file.accessed_at_s = wire.accessed_at_s
    file.blocks = [
        StoredBlock(
            block.block,
            file.id,
            committed=block.committed,
            pipeline=nodes_from_wire(block.pipeline) if block.pipeline else (),
        )
        for block in wire.blocks
    ]
    return file


def _opening_from_wire(wire: journal_pb2.ImageInode) -> Opening | None:
    if not wire.HasField("opening"):
        return None
    opening = wire.opening
    return Opening(opening.at_s, opening.blocks_before, opening.is_cut)
