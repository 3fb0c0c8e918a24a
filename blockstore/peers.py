"""The DataNodes as a client or another DataNode dials them: one channel each, on first use."""

import threading

import grpc

from blockstore.model import Node
from blockstore.runtime import rpc


class Peers:
    """Channels by address. Thread-safe."""

    def __init__(self, secret: str | None) -> None:
        self.secret = secret
        self._lock = threading.Lock()
        self._channels: dict[str, grpc.Channel] = {}

    def dial(self, node: Node) -> grpc.Channel:
        with self._lock:
            channel = self._channels.get(node.address)
            if channel is None:
                channel = rpc.channel(node.address, secret=self.secret, data=True)
                self._channels[node.address] = channel
            return channel

    def close(self) -> None:
        with self._lock:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()
