"""One connection to the byte port (byteframes.py): who calls, what a reader asks, what is answered.

Bytes go from the page cache into the socket; nobody here sees them, the reader verifies.
"""

import logging
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Final

from blockstore import byteframes
from blockstore.byteframes import LAST, MORE, Ask, Head
from blockstore.datanode.bundleanswers import BundleAnswers
from blockstore.datanode.keptfiles import KeptFiles
from blockstore.datanode.packetanswers import PacketAnswers, PacketReceiver
from blockstore.datanode.pulse import Pulse
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.storedfiles import StoredFiles
from blockstore.datanode.transfer import steps
from blockstore.datastream import LAST as LAST_PACKET
from blockstore.errors import ChecksumException, InvalidRequestException, StoreError
from blockstore.runtime import portframes, rpc
from blockstore.runtime.line import Line
from blockstore.runtime.secret import check_proof

log = logging.getLogger(__name__)

# Who has dialled says at once who he is.
ENTRY_S: Final = 5.0
# A reader that is busy with what it has got asks again when the connection is gone.
TAKE_S: Final = 60.0


class Answers:
    """For the thread that serves the connection."""

    def __init__(
        self,
        store: ReplicaStore,
        one_more_stream: Callable[[], AbstractContextManager[None]],
        secret: str | None,
        line: Line,
        idle_s: float,
        receive_bundle: Callable[[bytes], bytes],
        receive_packets: PacketReceiver,
        pulse: Pulse,
    ) -> None:
        """`one_more_stream` raises NotReadyException where too many are served."""
        self._store = store
        self._one_more_stream = one_more_stream
        self._secret = secret
        self._line = line
        self._idle_s = idle_s
        self._bundles = BundleAnswers(receive_bundle, one_more_stream, line, idle_s)
        self._packets = PacketAnswers(receive_packets, pulse, line)
        self._files = KeptFiles(store)

    def give(self) -> None:
        """Until the other side goes, is silent, or has no business here."""
        try:
            # Nobody is there to be told of it.
            with suppress(ConnectionError, TimeoutError):
                business = self._let_in()
                if business == byteframes.BUNDLES:
                    self._bundles.give()
                elif business == byteframes.PACKETS:
                    self._packets.give()
                else:
                    self._give_ranges()
        finally:
            self._files.close()

    def _give_ranges(self) -> None:
        while True:
            self._line.be_patient(self._idle_s)
            ask = byteframes.unpack_ask(self._line.receive(byteframes.ASK_BYTES))
            self._line.be_patient(TAKE_S)
            self._answer(ask)

    def _let_in(self) -> bytes:
        """Who proves the secret; returns what he comes for."""
        nonce = secrets.token_bytes(portframes.NONCE_BYTES)
        self._line.send(byteframes.PORT.pack_greeting(nonce))
        business, proof = byteframes.unpack_entry(self._line.receive(byteframes.ENTRY_BYTES))
        try:
            check_proof(self._secret, byteframes.PORT.purpose, nonce, proof)
        except StoreError as error:
            if business == byteframes.READING:
                self._refuse(error)
            raise ConnectionAbortedError from error
        return business

    def _answer(self, ask: Ask) -> None:
        try:
            with self._one_more_stream():
                self._give_range(ask)
        except (ConnectionError, TimeoutError) as error:
            # UnreachableException is one, too.
            if isinstance(error, StoreError):
                self._refuse(error)
                return
            raise
        except ChecksumException as error:
            self._store.rotten(ask.block, str(error))
            self._refuse(error)
        except Exception as error:
            self._refuse(error)

    def _give_range(self, ask: Ask) -> None:
        if ask.length <= 0:
            raise InvalidRequestException(f"{ask.length} bytes of {ask.block} are none")
        files = self._files.open(ask.block)
        for at, size, _, flags in steps(files, ask.offset, ask.length):
            kind = LAST if flags & LAST_PACKET else MORE
            promised, crcs = files.promise(at, size) if size else (0, b"")
            head = byteframes.pack_head(Head(kind, files.chunk_bytes, at, promised))
            self._line.send(head, crcs, more=promised > 0)
            self._give_bytes(files, at, promised)

    def _give_bytes(self, files: StoredFiles, offset: int, length: int) -> None:
        """What was promised, and zeros for what can't be read: their checksums tell the reader."""
        end = offset + length
        try:
            while offset < end:
                sent = files.send(self._line.descriptor, offset, end - offset)
                if not sent:
                    raise ChecksumException(f"{files.block}: the data file ends at {offset}")
                offset += sent
        except BlockingIOError:
            raise TimeoutError(f"the reader has taken nothing for {TAKE_S:g} s") from None
        except ChecksumException as error:
            self._store.rotten(files.block, str(error))
            self._line.send(bytes(end - offset))
        except OSError as error:
            raise ConnectionAbortedError from error

    def _refuse(self, error: Exception) -> None:
        name = rpc.name_of(error)
        if name is None:
            log.exception("the byte port failed", exc_info=error)
            name, error = StoreError.__name__, StoreError(f"{type(error).__name__}: {error}")
        self._line.send(byteframes.pack_refusal(name, str(error)))
