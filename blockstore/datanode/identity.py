"""Who a DataNode is: kept in the VERSION file of every volume.

    {"layout": 1, "node_id": "dn-…", "cluster_id": "…", "incarnation": 7, "volumes": […]}

- The node id is made once and stays. The incarnation rises at every start, before
  anything else happens, and is durable. The cluster id comes from the first NameNode
  that the node registers with, and binds the node to it.
- A new, empty directory among known ones takes over their identity; directories of
  two nodes, or of two clusters, are refused.
- `volumes` are all directories of the node, so that one whose disk isn't mounted is missed.
- A volume that can't keep the identity fails; on a full one it is overwritten in place.
"""

import contextlib
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from blockstore.datanode import layout
from blockstore.datanode.disk import Disk, File
from blockstore.datanode.volume import FULL, Volume, VolumeFailure
from blockstore.errors import ConfigException, StoreError
from blockstore.runtime import failpoint

# What a disk writes as a whole, and what a file has even if it is shorter.
_PAGE_BYTES: Final = 4096


class Identity(msgspec.Struct, frozen=True):
    """The content of a VERSION file."""

    layout: int
    node_id: str
    cluster_id: str
    incarnation: int
    volumes: tuple[str, ...] = ()


def begin(volumes: Sequence[Volume], paths: Sequence[str] = ()) -> Identity:
    """The identity of this start, already durable on every volume.

    `paths` are all directories the node was given, also those that aren't used.

    Raises:
        ConfigException: the directories belong to different nodes or clusters, or one
            was written by a later version of this program.
    """
    known: dict[str, Identity] = {}
    for volume in volumes:
        with contextlib.suppress(VolumeFailure), volume.guard("reading its identity"):
            if found := _read(volume.disk, volume.path):
                known[volume.path] = found
    for what, values in (
        ("nodes", {found.node_id for found in known.values()}),
        ("clusters", {found.cluster_id for found in known.values()} - {""}),
    ):
        if len(values) > 1:
            raise ConfigException(
                f"the directories {', '.join(known)} belong to different {what} "
                f"({', '.join(sorted(values))}): start one DataNode for each"
            )
    identity = Identity(
        layout=layout.LAYOUT_VERSION,
        node_id=next((found.node_id for found in known.values()), f"dn-{secrets.token_hex(6)}"),
        cluster_id=max((found.cluster_id for found in known.values()), default=""),
        incarnation=max((found.incarnation for found in known.values()), default=0) + 1,
        volumes=tuple(paths),
    )
    keep(volumes, identity)
    return identity


def join(volumes: Sequence[Volume], identity: Identity, cluster_id: str) -> Identity:
    """Binds the node to the cluster that took it in.

    Raises:
        ConfigException: the node's blocks belong to another cluster.
    """
    if identity.cluster_id == cluster_id:
        return identity
    if identity.cluster_id:
        raise ConfigException(
            f"the blocks in {', '.join(volume.path for volume in volumes)} belong to cluster "
            f"{identity.cluster_id}, but the NameNode serves {cluster_id}: give the address of "
            "the right NameNode, or an empty --dir"
        )
    joined = msgspec.structs.replace(identity, cluster_id=cluster_id)
    keep(volumes, joined)
    return joined


def keep(volumes: Sequence[Volume], identity: Identity) -> None:
    """Makes the identity durable on every volume that is well.

    Raises:
        ConfigException: no volume is.
    """
    kept = 0
    for volume in volumes:
        if volume.failure is not None:
            continue
        try:
            write_small(volume, layout.VERSION_FILE, msgspec.json.encode(identity))
            volume.marked = True
            kept += 1
        except StoreError as error:
            volume.fail(f"it can't keep this node's identity: {error}")
    if not kept:
        reasons = "; ".join(f"{volume.path}: {volume.failure}" for volume in volumes)
        raise ConfigException(f"no storage directory can be used ({reasons})")


def write_small(volume: Volume, name: str, content: bytes) -> None:
    """A whole small file, atomically and durably."""
    target = f"{volume.path}/{name}"
    with volume.guard(f"writing {name}", syncing=True):
        try:
            _put(volume.disk.open(target + layout.NEW_SUFFIX, create=True), content)
        except OSError as error:
            if error.errno not in FULL:
                raise
            _overwrite(volume.disk, target, content, error)
            return
        failpoint.hit("identity.write_small.before_rename")
        volume.disk.rename(target + layout.NEW_SUFFIX, target)
        failpoint.hit("identity.write_small.after_rename")
        volume.disk.sync_directory(volume.path)
        failpoint.hit("identity.write_small.after_sync_directory")


def _put(file: File, content: bytes) -> None:
    try:
        file.pwrite(content, 0)
        failpoint.hit("identity.put.before_sync")
        file.sync()
        failpoint.hit("identity.put.after_sync")
    finally:
        file.close()


def _overwrite(disk: Disk, target: str, content: bytes, full: OSError) -> None:
    """On a full disk: such a file is within one page of the disk, which is written as a whole."""
    with contextlib.suppress(FileNotFoundError):
        disk.unlink(target + layout.NEW_SUFFIX)
    try:
        file = disk.open(target, write=True)
    except FileNotFoundError:
        raise full from None
    if len(content) > _PAGE_BYTES:
        file.close()
        raise full
    _put(file, content.ljust(file.size()))


def known_volumes(disk: Disk, paths: Sequence[str]) -> frozenset[str]:
    """All directories that the node had, as far as any of these knows."""
    found: set[str] = set()
    for path in paths:
        # What is wrong with it is told when it is opened.
        with contextlib.suppress(OSError):
            if one := _read(disk, path):
                found.update(one.volumes)
    return frozenset(found)


def why_vanished(disk: Disk, path: str) -> str:
    """Why a directory that was a volume of this node isn't one any more; empty when it is."""
    for name in (layout.VERSION_FILE, layout.NEW_VOLUME_FILE):
        try:
            disk.open(f"{path}/{name}").close()
            return ""
        except FileNotFoundError:
            continue
        except OSError:
            # What is wrong with it is told when it is opened.
            return ""
    return (
        "it was a volume of this DataNode and has no VERSION file now: is its disk mounted? "
        f"If the disk was replaced, say so: touch {path}/{layout.NEW_VOLUME_FILE}"
    )


def _read(disk: Disk, directory: str) -> Identity | None:
    path = f"{directory}/{layout.VERSION_FILE}"
    try:
        file = disk.open(path)
    except FileNotFoundError:
        return None
    try:
        identity = msgspec.json.decode(file.pread(1 << 16, 0), type=Identity)
    except msgspec.DecodeError as error:
        raise ConfigException(
            f"{path} is damaged ({error}): restore it from another volume"
        ) from None
    finally:
        file.close()
    if identity.layout > layout.LAYOUT_VERSION:
        raise ConfigException(
            f"{path} has layout {identity.layout}, this program knows {layout.LAYOUT_VERSION}: "
            "start the later version"
        )
    return identity
