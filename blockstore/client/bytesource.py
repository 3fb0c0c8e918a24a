"""Bytes of one replica from its DataNode's byte port: verified, trimmed, and where they are wanted.

Rules
- A long range is asked for in windows, the next one before the last has come: the DataNode sends
  while the reader works, and never waits long for a reader that pauses.
- A connection that broke proves nothing if it had been used, or had brought something: then the
  rest is asked for in a fresh one. Silence is silence.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from blockstore import checksum
from blockstore.byteframes import LAST, Ask, Head
from blockstore.checksum import CRC_BYTES, chunk_count
from blockstore.client.byteconnection import ByteConnection
from blockstore.client.byteports import BytePorts
from blockstore.client.room import Room
from blockstore.errors import ChecksumException, StoreError, UnreachableException
from blockstore.freshbytes import fresh_bytes
from blockstore.model import Block, Node

# Who jumps about leaves little behind that was sent for nothing; who doesn't soon asks for much.
WINDOW_BYTES_MIN: Final = 1024 * 1024
WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
# Asked for at once.
WINDOWS: Final = 2

_NO_PIECE: Final = Head(LAST, 1, 0, 0)

_Heard = TypeVar("_Heard")


class ByteSource:
    """A source of a Fetcher's."""

    def __init__(
        self, ports: BytePorts, node: Node, block: Block, offset: int, end: int, room: Room
    ) -> None:
        self._ports = ports
        self._node = node
        self._block = block
        self._what = f"{block} from {node}"
        self._room = room
        # The next byte that is wanted, and where that ends.
        self._position = offset
        self._end = end
        # Where ranges end that were asked for and haven't come, and where the next one starts.
        self._asked: deque[int] = deque()
        self._ask_from = offset
        self._window = WINDOW_BYTES_MIN
        # The piece at hand: where in it is what is left of it, and how much that is.
        self._head = _NO_PIECE
        self._crcs = b""
        self._at = 0
        self._left = 0
        self._connection: ByteConnection | None = None
        # A connection that was used, or has brought something, may break for reasons of its own.
        self._may_break = False
        self._refusal: StoreError | None = None

    def __repr__(self) -> str:
        return f"ByteSource({self._what} at {self._position})"

    def begin(self) -> bool:
        """Asks. Whether the port answers, be it with a refusal, which `take` raises then.

        Raises:
            UnreachableException: it answers nothing in time, or breaks off.
        """
        self._connection = self._ports.take(self._node)
        self._may_break = self._connection is not None
        if self._connection is None:
            self._connection = self._ports.dial(self._node)
        if self._connection is None:
            return False
        try:
            self._until_heard(lambda: self._next_piece(self._ports.patience_s))
        except UnreachableException as error:
            self._ports.shun(self._node, error)
            self.cancel()
            raise
        except StoreError as error:
            self._refusal = error
        except BaseException:
            self.cancel()
            raise
        return True

    def take(self, timeout_s: float) -> memoryview:
        """The next verified bytes.

        Raises:
            ChecksumException: the replica is damaged.
            StoreError: the DataNode refused, broke off, or sent nothing for `timeout_s`.
        """
        if self._refusal is not None:
            raise self._refusal
        while True:
            piece = self._until_heard(lambda: self._next_bytes(timeout_s))
            if len(piece):
                return piece

    def cancel(self) -> None:
        """Lets the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._ports.give_back(self._node, connection)

    # --- what is asked ---------------------------------------------------------------------

    def _until_heard(self, step: Callable[[], _Heard]) -> _Heard:
        while True:
            try:
                return step()
            except ChecksumException:
                assert self._connection is not None
                self._connection.distrust()
                raise
            except StoreError:
                raise
            except TimeoutError as silence:
                raise UnreachableException(f"{self._node}: {silence}") from None
            except OSError as error:
                self._dial_again(error)

    def _dial_again(self, error: OSError) -> None:
        assert self._connection is not None
        self._connection.close()
        fresh = self._ports.dial(self._node) if self._may_break else None
        if fresh is None:
            raise UnreachableException(f"{self._node} broke off: {error}") from None
        self._connection = fresh
        self._may_break = False
        self._left = 0
        self._asked.clear()
        self._ask_from = self._position

    def _ask_more(self) -> None:
        asks = []
        while len(self._asked) < WINDOWS and self._ask_from < self._end:
            border = (self._ask_from + self._window) // WINDOW_BYTES_MIN * WINDOW_BYTES_MIN
            stop = min(border, self._end)
            asks.append(Ask(self._block, self._ask_from, stop - self._ask_from))
            self._asked.append(stop)
            self._ask_from = stop
            self._window = min(2 * self._window, WINDOW_BYTES_MAX)
        if asks:
            assert self._connection is not None
            self._connection.ask(*asks)

    # --- what comes ------------------------------------------------------------------------

    def _next_piece(self, patience_s: float) -> None:
        self._ask_more()
        assert self._connection is not None
        self._head, self._crcs = self._connection.next_piece(patience_s)
        self._at, self._left = self._head.offset, self._head.size
        if self._left and not 0 <= self._position - self._at < self._head.chunk_bytes:
            raise ChecksumException(
                f"{self._what}: bytes from {self._at} instead of {self._position}"
            )
        self._end_range()

    def _next_bytes(self, timeout_s: float) -> memoryview:
        if not self._left:
            self._next_piece(timeout_s)
            if not self._left:
                return memoryview(b"")
        before, after = self._position - self._at, self._asked[0] - self._at
        fitting = 0 if before else self._fitting(min(after, self._left))
        if fitting:
            piece = self._room.take(fitting)
            self._receive_into(piece)
        else:
            data, _ = fresh_bytes(b"", self._left, self._receive_into)
            piece = memoryview(data)[before:after]
        self._position += len(piece)
        self._may_break = True
        self._end_range()
        return piece

    def _fitting(self, wanted: int) -> int:
        """How many bytes of whole chunks can be received to where they are wanted."""
        fitting = min(wanted, self._room.size)
        return fitting if fitting == self._left else fitting - fitting % self._head.chunk_bytes

    def _receive_into(self, target: memoryview) -> int:
        """Raises ChecksumException when they aren't what was stored."""
        assert self._connection is not None
        self._connection.receive_into(target)
        chunk, at = self._head.chunk_bytes, self._at
        first = (at - self._head.offset) // chunk * CRC_BYTES
        crcs = self._crcs[first : first + chunk_count(len(target), chunk) * CRC_BYTES]
        checksum.verify(target, crcs, chunk, what=self._what, offset=at)
        self._at += len(target)
        self._left -= len(target)
        return len(target)

    def _end_range(self) -> None:
        """Nothing is left of a range of which the last piece has come."""
        if self._left or self._head.kind != LAST:
            return
        stop = self._asked.popleft()
        if self._position < stop:
            raise ChecksumException(f"{self._what}: bytes up to {self._position} instead of {stop}")
