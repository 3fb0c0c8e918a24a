"""Replicas and their files together: every change is checked, made durable, then noted.

Rules
- One lock per block keeps the operations on it apart; it is held over disk writes, never
  over the network.
- A `Writing` is one stream's hold on an open replica. A recovery, an update or a newer
  stream takes it away; from then on the old stream's writes are refused.
- A finalised replica is read and verified before it is changed.
- What the NameNode must hear goes to `report`, in the order it happened, only after it
  is durable.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from weakref import WeakValueDictionary

from blockstore.datanode.blockfiles import BlockFiles, LocalPaths
from blockstore.datanode.core import Event, Replicas
from blockstore.datanode.openfiles import OpenFiles
from blockstore.datanode.packs import WholeReplica
from blockstore.datanode.storedfiles import StoredFiles
from blockstore.datanode.writing import BlockLock, Writing
from blockstore.errors import (
    ChecksumException,
    InvalidRequestException,
    NotReadyException,
    ReplicaNotFoundException,
    StoreError,
)
from blockstore.model import Block, Replica, ReplicaState

log = logging.getLogger(__name__)


class ReplicaStore:
    """All replicas of this node. Thread-safe."""

    def __init__(
        self,
        files: BlockFiles,
        report: Callable[[Replica], None],
        report_later: Callable[[Replica], int] | None = None,
    ) -> None:
        """`report_later` is for what writers tell of, too (reports.py); None: they don't."""
        self._files = files
        self._report = report
        self._report_later: Callable[[Replica], int | None] = report_later or report
        self._core = Replicas(files.load())
        # Guards the core and the tables below; held for a few lines only.
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[int, BlockLock] = WeakValueDictionary()
        self._held: dict[int, Writing] = {}
        # What readers of an open replica may see: bytes that its pipeline acknowledged.
        self._acknowledged: dict[int, int] = {}
        self._copying: set[int] = set()

    def __len__(self) -> int:
        return len(self._core)

    # --- writing ---------------------------------------------------------------------

    def create(self, block: Block, chunk_bytes: int) -> Writing:
        """An empty open replica.

        Raises:
            InvalidRequestException: the block is here already.
        """
        block = Block(block.id, block.generation)
        with self.lock(block.id):
            self._check(Event.CREATE, block)
            files = self._files.create(block, chunk_bytes, copy=False)
            self._apply(Event.CREATE, block)
            return self._hold(files)

    def add_whole(self, replicas: Sequence[WholeReplica]) -> list[int]:
        """New small replicas, finalised: all or none. With the numbers of their reports.

        Raises:
            InvalidRequestException: one of them is here already.
        """
        with contextlib.ExitStack() as held:
            for block_id in sorted(one.block.id for one in replicas):
                held.enter_context(self.lock(block_id))
            for one in replicas:
                self._check(Event.CREATE, one.block)
            self._files.add_whole(replicas)
            events = (Event.CREATE, Event.FINALIZE)
            return self._note([(e, one.block) for one in replicas for e in events], later=True)

    def resume(self, block: Block) -> Writing:
        """Goes on with an open replica that was stamped for it.

        Raises:
            ReplicaNotFoundException, InvalidRequestException: it isn't here, or isn't so.
        """
        with self.lock(block.id):
            self._check(Event.RESUME, block)
            return self._hold(self._take(block.id))

    def copy(self, block: Block, chunk_bytes: int, *, keep_open: bool) -> Writing:
        """A copy of a whole replica; nobody sees it before its `finish`.

        Raises:
            InvalidRequestException: the block is here already, or on its way.
        """
        event = Event.JOIN if keep_open else Event.COPY
        block = Block(block.id, block.generation)
        with self.lock(block.id):
            held = self._core.get(block.id)
            if held.state is ReplicaState.FINALIZED and held.block.generation >= block.generation:
                # Who asks for it doesn't know that it's here.
                self._report(held)
            self._check(event, block)
            with self._guard:
                if block.id in self._copying:
                    raise InvalidRequestException(f"a copy of {block} is on its way already")
                self._copying.add(block.id)
            try:
                files = self._files.create(block, chunk_bytes, copy=True)
            except BaseException:
                self._copying.discard(block.id)
                raise
            return Writing(self, files, event)

    # --- recovery and orders -----------------------------------------------------------

    def info(self, block_id: int) -> Replica:
        """What a reader may see of the block here."""
        with self.lock(block_id):
            held = self._core.get(block_id)
            if held.state is not ReplicaState.RBW:
                return held
            seen = self._acknowledged.get(block_id, 0)
            return Replica(Block(block_id, held.block.generation, seen), held.state)

    def chunk_bytes(self, block_id: int) -> int:
        """How many bytes one checksum of the replica covers; 0 when there is none."""
        with self.lock(block_id):
            absent = self._core.get(block_id).state in (ReplicaState.ABSENT, ReplicaState.CORRUPT)
            return 0 if absent else self._files.chunk_bytes(block_id)

    def begin_recovery(self, block: Block, recovery: int) -> Replica:
        """Stops a writer; from now on the replica waits for that recovery's update.

        Raises:
            InvalidRequestException: a later recovery was here already.
        """
        with self.lock(block.id):
            with self._guard:
                held = self._core.promise(block, recovery)
            self._end_hold(block.id)
            return held

    def update(self, old: Block, new: Block, *, finalize: bool) -> Replica:
        """Cuts the replica and gives it the new stamp; asking again changes nothing.

        Raises:
            ReplicaNotFoundException, InvalidRequestException: it isn't here, or isn't so.
            ChecksumException: it was finalised, and is damaged by now.
        """
        event = Event.UPDATE_FINAL if finalize else Event.UPDATE
        wanted = ReplicaState.FINALIZED if finalize else ReplicaState.RBW
        with self.lock(new.id):
            held = self._core.get(new.id)
            grown = not finalize and held.block.length > new.length
            stamped = held.block.generation == new.generation
            if held.state is wanted and (held.block == new or (grown and stamped)):
                return held
            with self._guard:
                self._core.check(event, new, since=old.generation)
            if held.state is ReplicaState.FINALIZED:
                self._prove(held.block, new.length)
            files = self._take(new.id)
            try:
                files.restamp(new.generation, new.length)
                if finalize:
                    files.finalize()
            except StoreError:
                if files.untrusted and files.volume.failure is None:
                    self._throw_away(held.block)
                raise
            finally:
                files.close()
            if finalize:
                self._files.finalized(files)
                self._acknowledged.pop(new.id, None)
            else:
                self._acknowledged[new.id] = new.length
            self._apply(event, new)
            return Replica(new, wanted)

    def _prove(self, block: Block, length: int) -> None:
        """A new stamp makes replicas that don't get it stale: what gets it must be whole."""
        try:
            files = self._files.read(block)
            try:
                files.verify(length)
            finally:
                files.close()
        except ChecksumException as error:
            self.rotten(block, f"found before it was changed: {error}")
            raise

    def delete(self, blocks: Iterable[Block]) -> None:
        """Removes replicas of these stamps or older ones; what isn't here is no error."""
        for block in blocks:
            try:
                self.remove(block)
            except (InvalidRequestException, ReplicaNotFoundException) as refusal:
                log.info("kept: %s", refusal)
                # Who orders it doesn't know what is here.
                self._report_held(block)
            except StoreError as error:
                log.warning("%s could not be deleted: %s", block, error)

    def _report_held(self, block: Block) -> None:
        with self.lock(block.id), self._guard:
            held = self._core.get(block.id)
            absent = held.state is ReplicaState.ABSENT
            self._report(Replica(block, ReplicaState.DELETED) if absent else held)

    def remove(self, block: Block) -> None:
        with self.lock(block.id):
            self._check(Event.DELETE, block)
            self._end_hold(block.id)
            self._files.delete(block.id)
            self._acknowledged.pop(block.id, None)
            self._apply(Event.DELETE, block)

    def rotten(self, block: Block, reason: str) -> None:
        """A finalised replica's bytes don't match their checksums: reported, kept, not served."""
        with self.lock(block.id):
            held = self._core.get(block.id)
            if (held.state, held.block.generation) != (ReplicaState.FINALIZED, block.generation):
                return
            log.error("replica %s is damaged: %s", block, reason)
            self._apply(Event.ROT, held.block)

    def drop_failed_volumes(self) -> None:
        """Replicas on volumes that failed are gone."""
        for block_id in self._files.on_failed_volumes():
            with self.lock(block_id):
                held = self._core.get(block_id)
                self._end_hold(block_id)
                self._files.forget(block_id)
                if held.state is not ReplicaState.ABSENT:
                    self._apply(Event.LOST, held.block)

    # --- reading -----------------------------------------------------------------------

    def read(self, block: Block) -> StoredFiles:
        """The replica's files, for as many bytes as a reader may see.

        Raises:
            ReplicaNotFoundException: it isn't here, is older than that, or is damaged.
            NotReadyException: it waits for recovery.
        """
        with self.lock(block.id):
            held = self._core.get(block.id)
            if held.state in (ReplicaState.ABSENT, ReplicaState.CORRUPT):
                raise ReplicaNotFoundException(f"this DataNode has no readable replica of {block}")
            if held.block.generation < block.generation:
                raise ReplicaNotFoundException(
                    f"this DataNode's replica of {block} is older: {held.block}"
                )
            if held.state is ReplicaState.FINALIZED:
                return self._files.read(held.block)
            if held.state is ReplicaState.RWR:
                raise NotReadyException(f"{held.block} waits for recovery on this DataNode")
            seen = Block(block.id, held.block.generation, self._acknowledged.get(block.id, 0))
            return self._files.read(seen, self._open_checksums(seen))

    def is_still(self, block: Block, files: StoredFiles) -> bool:
        """Whether `read` would open these files again."""
        with self._guard:
            held = self._core.get(block.id)
        # A new copy comes with a block of its own, though it be equal.
        same = held.state is ReplicaState.FINALIZED and held.block is files.block
        return same and held.block.generation >= block.generation

    def local_paths(self, block: Block) -> LocalPaths:
        """Raises ReplicaNotFoundException when no finalised replica of that stamp is here."""
        with self.lock(block.id):
            held = self._core.get(block.id)
            if held.state is not ReplicaState.FINALIZED or held.block.generation < block.generation:
                raise ReplicaNotFoundException(f"no finalised replica of {block} is here")
            return self._files.local_paths(block.id)

    def report(self) -> list[Replica]:
        """Everything that a full report names."""
        with self._guard:
            return self._core.report()

    def damaged(self) -> list[Replica]:
        with self._guard:
            return self._core.damaged()

    # --- inside ------------------------------------------------------------------------

    def lock(self, block_id: int) -> BlockLock:
        with self._guard:
            lock = self._locks.get(block_id)
            if lock is None:
                lock = self._locks[block_id] = BlockLock()
            return lock

    def _check(self, event: Event, block: Block) -> None:
        with self._guard:
            self._core.check(event, block, written=block.id in self._held)

    def _apply(self, event: Event, block: Block) -> None:
        self._note([(event, block)])

    def _note(self, events: Iterable[tuple[Event, Block]], later: bool = False) -> list[int]:
        """What was done; the numbers of the reports that tell of it, where they come later."""
        report = self._report_later if later else self._report
        with self._guard:
            told = (report(one) for what in events for one in self._core.apply(*what))
            return [number for number in told if number]

    def _hold(self, files: OpenFiles) -> Writing:
        writing = self._held[files.block.id] = Writing(self, files, Event.FINALIZE)
        self._acknowledged.setdefault(files.block.id, files.length)
        return writing

    def _end_hold(self, block_id: int) -> None:
        if writing := self._held.pop(block_id, None):
            writing.lose()

    def _take(self, block_id: int) -> OpenFiles:
        """The files of an open replica, taken from whoever holds them."""
        self._end_hold(block_id)
        return self._files.reopen(block_id)

    def _open_checksums(self, seen: Block) -> bytes:
        """Those of an open replica's first bytes."""
        if writing := self._held.get(seen.id):
            return writing.files.checksums_up_to(seen.length)
        files = self._files.reopen(seen.id)
        try:
            return files.checksums_up_to(seen.length)
        finally:
            files.close()

    # --- what a Writing calls ------------------------------------------------------------

    def grew(self, block: Block) -> None:
        with self._guard:
            self._core.grow(block)

    def finish(self, writing: Writing, later: bool = False) -> list[int]:
        """The end of a stream: finalised, or a copy that others go on writing."""
        files, block = writing.files, writing.files.block
        self._check(writing.event, block)
        if writing.event is not Event.FINALIZE:
            self._replace(block)
        if writing.event is Event.JOIN:
            files.join()
            files.close()
            self._files.adopt(files)
            self._acknowledged[block.id] = block.length
        else:
            files.finalize()
            self._files.finalized(files)
            self._acknowledged.pop(block.id, None)
        self.let_go(writing)
        return self._note([(writing.event, block)], later)

    def show(self, block_id: int, length: int) -> None:
        """Readers may see so many bytes of an open replica."""
        self._acknowledged[block_id] = max(self._acknowledged.get(block_id, 0), length)

    def _replace(self, block: Block) -> None:
        """Makes room for a newer whole copy."""
        held = self._core.get(block.id)
        if held.state is not ReplicaState.ABSENT:
            self._end_hold(block.id)
            self._files.delete(block.id)
            self._apply(Event.DELETE, held.block)

    def distrust(self, writing: Writing) -> None:
        block = writing.files.block
        log.error("%s: a sync failed, so this replica is thrown away", block)
        self._end_hold(block.id)
        self._throw_away(block)

    def _throw_away(self, block: Block) -> None:
        with contextlib.suppress(StoreError):
            self._files.delete(block.id)
        self._files.forget(block.id)
        self._acknowledged.pop(block.id, None)
        self._apply(Event.LOST, block)

    def let_go(self, writing: Writing) -> None:
        if writing.event is Event.FINALIZE:
            self._held.pop(writing.files.block.id, None)
        else:
            self._copying.discard(writing.files.block.id)
