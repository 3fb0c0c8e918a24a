"""A client's requests one after another in one stream: half the price of calls of their own.

Rules
- Each is answered before the next is looked at; a client that wants several at once has several
  streams, or sends a batch.
- A request means here what it means alone (batch.py): what is refused is an outcome as well, and
  leaves the stream as it was.
- `close` ends the streams that wait for a request at once, the others after their answer.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from blockstore.namenode import batch
from blockstore.wire import namenode_pb2 as pb


class CallStreams:
    """Owned by the event loop."""

    def __init__(self) -> None:
        # Tasks that wait for their client.
        self._waiting: set[asyncio.Task[Any]] = set()
        self._stopped: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def answer(
        self, servicer: object, calls: AsyncIterator[pb.BatchCall], context: Any
    ) -> AsyncIterator[pb.BatchOutcome]:
        task = asyncio.current_task()
        assert task is not None
        while not self._closed:
            self._waiting.add(task)
            try:
                call = await anext(calls, None)
            except asyncio.CancelledError:
                if task in self._stopped:
                    # A stream that ends well ends at once; one that is broken off is waited for.
                    return
                raise
            finally:
                self._waiting.discard(task)
            if call is None:
                return
            yield await batch.outcome(servicer, call, context)

    def close(self) -> None:
        self._closed = True
        self._stopped |= self._waiting
        for task in self._stopped:
            task.cancel()
