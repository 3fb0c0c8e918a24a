"""One connection to a DataNode's byte port (byteframes.py), from the reader's side."""

from blockstore import byteframes
from blockstore.byteframes import LAST, REFUSED, Ask, Head
from blockstore.errors import ChecksumException, StoreError
from blockstore.runtime import rpc
from blockstore.runtime.line import Line


class ByteConnection:
    """For one thread at a time. Every method may raise what a Line does."""

    def __init__(self, line: Line, entry: bytes) -> None:
        """As `bytedial.dialled` gives them."""
        self._line = line
        # It goes with the first question.
        self._entry = entry
        self._unanswered = 0
        # Bytes of the piece at hand that have not been received.
        self._left = 0
        self._distrusted = False

    @property
    def is_clean(self) -> bool:
        """Whether another may ask here."""
        done = not self._unanswered and not self._left and not self._distrusted
        return done and self._line.is_quiet

    def distrust(self) -> None:
        """What came on it was wrong: nobody knows what comes next."""
        self._distrusted = True

    def ask(self, *asks: Ask) -> None:
        entry, self._entry = self._entry, b""
        self._unanswered += len(asks)
        self._line.send(entry, *map(byteframes.pack_ask, asks))

    def next_piece(self, patience_s: float) -> tuple[Head, bytes]:
        """What comes next, and its checksums; `receive_into` gives its data.

        Raises:
            StoreError: the DataNode refuses; ChecksumException also when this isn't the format.
        """
        self._line.be_patient(patience_s)
        # Whatever happens from here on, it's nobody's who comes later.
        self._left = byteframes.HEAD_BYTES
        head = byteframes.unpack_head(self._line.receive(byteframes.HEAD_BYTES))
        if head.kind == REFUSED:
            name, words = byteframes.unpack_refusal(self._line.receive(head.size))
            self._left = 0
            self._unanswered -= 1
            raise _refusal(name, words)
        crcs = self._line.receive(head.crc_bytes)
        self._left = head.size
        if head.kind == LAST:
            self._unanswered -= 1
        return head, crcs

    def receive_into(self, target: memoryview) -> None:
        """The next bytes of the piece."""
        if len(target) > self._left:
            raise ChecksumException(f"a piece has {self._left} bytes, not {len(target)}")
        self._line.receive_into(target)
        self._left -= len(target)

    def close(self) -> None:
        self._line.close()


def _refusal(name: str, words: str) -> StoreError:
    error = rpc.named(name, words)
    return error if isinstance(error, StoreError) else StoreError(words)
