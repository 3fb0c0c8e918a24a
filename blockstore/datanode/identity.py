"""Who a DataNode is: kept in the VERSION file of every volume.

    {"layout": 1, "node_id": "dn-…", "cluster_id": "…", "incarnation": 7}

- The node id is made once and stays. The incarnation rises at every start, before
  anything else happens, and is durable. The cluster id comes from the first NameNode
  that the node registers with, and binds the node to it.
- A new, empty directory among known ones takes over their identity; directories of
  two nodes, or of two clusters, are refused.
"""

import secrets
from collections.abc import Sequence

import msgspec

from blockstore.datanode import layout
from blockstore.datanode.volume import Volume
from blockstore.errors import ConfigException


class Identity(msgspec.Struct, frozen=True):
    """The content of a VERSION file."""

    layout: int
    node_id: str
    cluster_id: str
    incarnation: int


def begin(volumes: Sequence[Volume]) -> Identity:
    """The identity of this start, already durable on every volume.

    Raises:
        ConfigException: the directories belong to different nodes or clusters, or one
            was written by a later version of this program.
    """
    known = {volume.path: found for volume in volumes if (found := _read(volume)) is not None}
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
    """Makes the identity durable on every volume that is well."""
    for volume in volumes:
        if volume.failure is None:
            write_small(volume, layout.VERSION_FILE, msgspec.json.encode(identity))


def write_small(volume: Volume, name: str, content: bytes) -> None:
    """A whole small file, atomically and durably."""
    target = f"{volume.path}/{name}"
    with volume.guard(f"writing {name}", syncing=True):
        file = volume.disk.open(target + layout.NEW_SUFFIX, create=True)
        try:
            file.pwrite(content, 0)
            file.sync()
        finally:
            file.close()
        volume.disk.rename(target + layout.NEW_SUFFIX, target)
        volume.disk.sync_directory(volume.path)


def _read(volume: Volume) -> Identity | None:
    path = f"{volume.path}/{layout.VERSION_FILE}"
    try:
        file = volume.disk.open(path)
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
