"""Streams to DataNodes that are kept open between questions, for all threads of one process.

Who asks a node once makes a call. Who asks it again keeps a stream open to it, which answers in two
thirds of the time; there are few of them, and they end when nobody has asked for a while.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import grpc

from blockstore.answerstream import IDLE_S, AnswerStream
from blockstore.model import Node

# Streams kept open to one node: what more threads ask at once are calls.
PER_NODE_MAX: Final = 2


class KeptStream(Protocol):
    """For one thread at a time."""

    @property
    def over(self) -> bool:
        """Whether nothing more can be asked."""
        ...

    def begin(self, request: Any, patience_s: float) -> None:
        """Asks; `end` gives the reply, or `cancel` is due."""
        ...

    def end(self) -> Any:
        """The reply. Raises StoreError when there is none; it is over then."""
        ...

    def close(self) -> None:
        """Nobody asks any more; once more does nothing."""
        ...

    def cancel(self) -> None:
        """Nobody wants the answer."""
        ...


class KeptStreams:
    """Of one method. Thread-safe."""

    def __init__(
        self,
        dial: Callable[[Node], grpc.Channel],
        method: str,
        per_node_max: int = PER_NODE_MAX,
        opened: Callable[[Node], KeptStream | None] = lambda node: None,
    ) -> None:
        """`opened`: something better than a stream of gRPC's, where it can be had."""
        self._opened = opened
        self._dial = dial
        self._method = method
        self._per_node_max = per_node_max
        self._guard = threading.Lock()
        # By address: streams that nobody uses just now, and how many there are with the others.
        self._idle: dict[str, list[KeptStream]] = {}
        self._open: dict[str, int] = {}
        # From when on a node that was asked before may get a stream.
        self._may_open_at: dict[str, float] = {}

    def take(self, node: Node) -> KeptStream | None:
        """A stream to give back; None when the question is to be a call."""
        address = node.address
        with self._guard:
            idle = self._idle.setdefault(address, [])
            while idle:
                stream = idle.pop()
                if not stream.over:
                    return stream
                stream.close()
                self._open[address] -= 1
            opened = self._open.get(address, 0)
            now = time.monotonic()
            if now < self._may_open_at.setdefault(address, now) or opened >= self._per_node_max:
                return None
            if address not in self._open:
                # Most ask only once.
                self._open[address] = 0
                return None
            self._open[address] = opened + 1
        return self._opened(node) or self._of_grpc(node)

    def _of_grpc(self, node: Node) -> AnswerStream:
        method: Any = self._dial(node).stream_stream(self._method)
        return AnswerStream(method, str(node))

    def give_back(self, node: Node, stream: KeptStream) -> None:
        address = node.address
        with self._guard:
            if not stream.over:
                self._idle.setdefault(address, []).append(stream)
                return
            stream.close()
            self._open[address] -= 1
            self._may_open_at[address] = time.monotonic() + IDLE_S

    def close(self) -> None:
        """Ends the streams that nobody uses; the others end with the channels."""
        with self._guard:
            idle = [stream for streams in self._idle.values() for stream in streams]
            self._idle.clear()
        for stream in idle:
            stream.close()
