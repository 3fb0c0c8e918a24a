"""Requests to the NameNode in streams, for a client that makes many of them.

    request 1 …  8   each a call of its own
    from then on     down a stream that is free, and the reply comes up on it

In a stream (callways.py) a request costs a fraction of what it costs as a call, on both sides; but
opening one costs as much as some calls, so who asks little opens none.

Rules
- One request at a time is in a stream; threads that ask at once have a stream each, up to
  STREAMS_MAX, beyond which they make calls.
- A stream that broke, or whose reply is overdue, is thrown away, and its request is made again as a
  call: with its id, so that it's done once, and with the patience that calls have.
- One thread watches over deadlines and ends streams that nobody needs; it lives while there are
  some.
"""

import itertools
import threading
from collections.abc import Callable
from typing import Any, Final

from blockstore.client.callways import Broken, Way
from blockstore.runtime.clock import Clock
from blockstore.runtime.rpc import CALL_TIMEOUT_S

# Opening a stream costs as much as about so many calls.
CALLS_BEFORE: Final = 8
# Each holds a thread.
STREAMS_MAX: Final = 16
# A stream that wasn't used for so long is ended.
IDLE_S: Final = 30.0
# How late an overdue reply may be noticed.
WATCH_S: Final = 1.0


class CallStreams:
    """Of one client, to one NameNode. Thread-safe."""

    def __init__(self, opened: Callable[[], Way], clock: Clock) -> None:
        """`opened` gives a new stream."""
        self._opened = opened
        self._clock = clock
        self._calls = itertools.count(1)
        self._warm = False
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._free: list[Way] = []
        self._busy: set[Way] = set()
        # Streams that are being opened, which takes a moment.
        self._opening = 0
        self._watch: threading.Thread | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"CallStreams({len(self._free)} free, {len(self._busy)} busy)"

    def ask(self, request: Any) -> Any:
        """The reply; None when the request must be made as a call."""
        if not self._warm:
            self._warm = next(self._calls) > CALLS_BEFORE
            return None
        stream = self._take()
        if stream is None:
            return None
        try:
            reply = stream.ask(request)
        except Broken:
            self._drop(stream)
            return None
        except BaseException:
            # A reply may still come: nobody else must get it.
            self._drop(stream)
            raise
        with self._changed:
            self._busy.discard(stream)
            if not self._closed:
                stream.due_at = self._clock.monotonic() + IDLE_S
                self._free.append(stream)
        return reply

    def close(self) -> None:
        """Ends all; who waits for a reply makes a call, which fails."""
        with self._changed:
            self._closed = True
            streams = [*self._free, *self._busy]
            self._free.clear()
            self._changed.notify_all()
        for stream in streams:
            stream.end()

    def _take(self) -> Way | None:
        with self._changed:
            if self._free:
                return self._begun(self._free.pop())
            if self._closed or len(self._busy) + self._opening >= STREAMS_MAX:
                return None
            self._opening += 1
        return self._new()

    def _new(self) -> Way | None:
        """Opened while others go on."""
        try:
            stream = self._opened()
        except BaseException:
            with self._changed:
                self._opening -= 1
            raise
        with self._changed:
            self._opening -= 1
            if not self._closed:
                self._look_after()
                return self._begun(stream)
        stream.end()
        return None

    def _look_after(self) -> None:
        if self._watch is None:
            self._watch = threading.Thread(target=self._run, name="streams", daemon=True)
            self._watch.start()

    def _begun(self, stream: Way) -> Way:
        stream.due_at = self._clock.monotonic() + CALL_TIMEOUT_S
        self._busy.add(stream)
        return stream

    def _drop(self, stream: Way) -> None:
        with self._changed:
            self._busy.discard(stream)
        stream.end()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, WATCH_S)
                over = self.overdue()
                done = self._closed or not (self._free or self._busy)
                if done:
                    self._watch = None
            for stream in over:
                stream.end()
            if done:
                return

    def overdue(self) -> list[Way]:
        """Streams to end: of a busy one its asker notices."""
        now = self._clock.monotonic()
        idle = [stream for stream in self._free if now > stream.due_at]
        self._free = [stream for stream in self._free if now <= stream.due_at]
        return idle + [stream for stream in self._busy if now > stream.due_at]
