"""Requests one after another in one stream: half the price of calls of their own.

Rules
- Each is answered before the next is looked at; a client that wants several at once has several
  streams, or sends a batch.
- A request means here what it means alone. What is refused to a client is an outcome as well
  (batch.py), and leaves the stream as it was.
- `close` ends the streams that wait for a request at once, the others after their answer.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

Request = TypeVar("Request")
Reply = TypeVar("Reply")


class CallStreams:
    """Owned by the event loop."""

    def __init__(self) -> None:
        # Tasks that wait for the other side.
        self._waiting: set[asyncio.Task[Any]] = set()
        self._stopped: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def answer(
        self, requests: AsyncIterator[Request], perform: Callable[[Request], Awaitable[Reply]]
    ) -> AsyncIterator[Reply]:
        task = asyncio.current_task()
        assert task is not None
        while not self._closed:
            self._waiting.add(task)
            try:
                request = await anext(requests, None)
            except asyncio.CancelledError:
                if task in self._stopped:
                    # A stream that ends well ends at once; one that is broken off is waited for.
                    return
                raise
            finally:
                self._waiting.discard(task)
            if request is None:
                return
            yield await perform(request)

    def close(self) -> None:
        self._closed = True
        self._stopped |= self._waiting
        for task in self._stopped:
            task.cancel()
