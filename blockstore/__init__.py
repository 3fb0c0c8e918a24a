"""An HDFS-like block store: files as replicated, checksummed blocks.

from blockstore import BlockStore

with BlockStore("127.0.0.1:8020") as store, store.open("/logs/today", "wb") as file:
    file.write(b"...")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockstore.client.filesystem import BlockStore as BlockStore
    from blockstore.client.settings import ClientSettings as ClientSettings

__all__ = ["BlockStore", "ClientSettings"]


def __getattr__(name: str) -> object:
    # gRPC takes 0.1 s to import: daemons' tools that only want errors or models don't pay it.
    if name == "BlockStore":
        from blockstore.client.filesystem import BlockStore

        return BlockStore
    if name == "ClientSettings":
        from blockstore.client.settings import ClientSettings

        return ClientSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
