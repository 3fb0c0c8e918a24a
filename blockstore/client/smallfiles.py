"""Many small files written at once: a few round trips for hundreds of them.

    Create, for all           one call of the NameNode; empty files are closed by it
    AddBlock, for all         one
    the bytes                 one bundle for all blocks that go to the same nodes
    Complete, for all         one; the nodes' receipts come with it

Rules
- Every file is as durable as after an ordinary close: the NameNode's rules are the same, the
  DataNodes fsync before they acknowledge.
- What a bundle couldn't bring is written the ordinary way, with its pipeline recovery; or
  counts as failed, if the caller has a way of its own (`only_together`).
- A file is there whole or not at all; those that failed are removed.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from blockstore.bundles import BUNDLE_BYTES_MAX
from blockstore.client.asking import BATCH_CALLS
from blockstore.client.namenode import NameNodeClient
from blockstore.client.settings import ClientSettings
from blockstore.client.wholeblocks import SMALL_BYTES, WholeBlocks
from blockstore.client.writer import BlockWriter
from blockstore.codec import (
    block_to_wire,
    located_from_wire,
    receipts_to_wire,
    status_from_wire,
)
from blockstore.errors import InvalidRequestException, NotReadyException, StoreError
from blockstore.model import Block, FileStatus, LocatedBlock, Receipt
from blockstore.runtime.clock import Clock
from blockstore.wire import namenode_pb2 as pb

log = logging.getLogger(__name__)

# Bundles on their way at once.
_BUNDLES_MAX: Final = 4
_COMPLETE_PAUSE_S: Final = 0.005


@dataclass
class _File:
    """One file on its way."""

    path: str
    data: bytes
    writer: str
    status: FileStatus | None = None
    located: LocatedBlock | None = None
    # Its bytes are on the DataNodes, and these gave their word for it.
    stored: bool = False
    receipts: tuple[Receipt, ...] = ()
    error: Exception | None = None

    @property
    def block(self) -> Block | None:
        if self.located is None:
            return None
        block = self.located.block
        return Block(block.id, block.generation, len(self.data))


class SmallFiles:
    """Writes files for one client. Thread-safe: holds nothing between calls."""

    def __init__(
        self,
        namenode: NameNodeClient,
        whole_blocks: WholeBlocks,
        settings: ClientSettings,
        client_host: str,
        clock: Clock,
        writer: Callable[[FileStatus], BlockWriter],
    ) -> None:
        """`writer` writes a created file the ordinary way."""
        self._namenode = namenode
        self._whole_blocks = whole_blocks
        self._settings = settings
        self._client_host = client_host
        self._clock = clock
        self._writer = writer

    def put(
        self,
        files: Iterable[tuple[str, bytes]],
        *,
        replication: int,
        block_bytes: int,
        overwrite: bool,
        only_together: bool,
    ) -> dict[str, Exception]:
        """Writes the files; returns what those that failed failed with, by path."""
        errors: dict[str, Exception] = {}
        for group in self._groups(files):
            if only_together:
                # Before anything is created: what is there stays.
                _refuse_large(group, min(SMALL_BYTES, block_bytes or SMALL_BYTES))
            self._create(_going(group), replication, block_bytes, overwrite)
            self._put_group(group, only_together)
            for file in group:
                if file.error is not None:
                    errors.setdefault(file.path, file.error)
        return errors

    def _put_group(self, group: Sequence[_File], only_together: bool) -> None:
        self._allocate([file for file in _going(group) if _is_small(file)])
        self._send([file for file in _going(group) if file.located])
        for file in _going(group):
            if file.data and not file.stored:
                if only_together:
                    self._give_up(file, NotReadyException(f"no bundle has brought {file.path}"))
                else:
                    self._write_alone(file)
        self._complete([file for file in _going(group) if file.stored])

    def _groups(self, files: Iterable[tuple[str, bytes]]) -> Iterator[list[_File]]:
        """As many as one call and one bundle take."""
        group: list[_File] = []
        size = 0
        for path, data in files:
            if group and (len(group) == BATCH_CALLS or size + len(data) > BUNDLE_BYTES_MAX):
                yield group
                group, size = [], 0
            group.append(_File(path, data, self._namenode.new_writer()))
            size += len(data)
        if group:
            yield group

    # --- the steps -------------------------------------------------------------------------

    def _create(
        self, group: Sequence[_File], replication: int, block_bytes: int, overwrite: bool
    ) -> None:
        calls = [
            pb.BatchCall(
                create=pb.CreateRequest(
                    path=file.path,
                    replication=replication,
                    block_bytes=block_bytes,
                    overwrite=overwrite,
                    parents=True,
                    client_id=file.writer,
                    mode=self._namenode.identity.file_mode,
                    mode_above=self._namenode.identity.directory_mode,
                    close=not file.data,
                    request_id=secrets.token_hex(16),
                )
            )
            for file in group
        ]
        for file, outcome in zip(group, self._namenode.batch(calls), strict=True):
            if isinstance(outcome, Exception):
                file.error = outcome
            elif file.data:
                # An empty one is closed, and nobody asks for it again.
                file.status = replace(status_from_wire(outcome.file.status), writer=file.writer)

    def _allocate(self, files: Sequence[_File]) -> None:
        """A block for each; one that gets none is written alone, with that path's patience."""
        calls = [
            pb.BatchCall(
                add_block=pb.AddBlockRequest(
                    inode_id=_inode(file),
                    client_id=file.writer,
                    client_host=self._client_host,
                    request_id=secrets.token_hex(16),
                    bytes_max=len(file.data),
                )
            )
            for file in files
        ]
        for file, outcome in zip(files, self._namenode.batch(calls), strict=True):
            if isinstance(outcome, Exception):
                log.info("%s is written alone: %s", file.path, outcome)
            else:
                file.located = located_from_wire(outcome.located)

    def _send(self, files: Sequence[_File]) -> None:
        """Files whose blocks go to the same nodes share a bundle."""
        shares: dict[frozenset[str], list[_File]] = {}
        for file in files:
            assert file.located is not None
            nodes = frozenset(node.node_id for node in file.located.nodes)
            shares.setdefault(nodes, []).append(file)
        if len(shares) <= 1:
            for share in shares.values():
                self._send_bundle(share)
            return
        with ThreadPoolExecutor(min(_BUNDLES_MAX, len(shares))) as threads:
            list(threads.map(self._send_bundle, shares.values()))

    def _send_bundle(self, share: Sequence[_File]) -> None:
        assert share[0].located is not None
        contents = [(file.block, file.data) for file in share if file.block]
        ack = self._whole_blocks.send(share[0].located.nodes, contents)
        if ack.failed_hop >= 0:
            files = "1 file" if len(share) == 1 else f"{len(share)} files"
            log.warning("a bundle of %s failed: %s", files, ack.reason)
        for number, file in enumerate(share):
            file.stored = ack.failed_hop < 0
            file.receipts = ack.of_block(number)

    def _write_alone(self, file: _File) -> None:
        assert file.status is not None
        try:
            if file.located is not None:
                self._namenode.abandon_block(file.status, file.located.block)
            with self._writer(file.status) as writer:
                writer.write(file.data)
        except StoreError as error:
            self._give_up(file, error)

    def _complete(self, files: Sequence[_File]) -> None:
        started = self._clock.monotonic()
        while files:
            calls = [
                pb.BatchCall(
                    complete=pb.CompleteRequest(
                        inode_id=_inode(file),
                        client_id=file.writer,
                        last=block_to_wire(file.block) if file.block else None,
                        receipts=receipts_to_wire(file.receipts),
                    )
                )
                for file in files
            ]
            outcomes = self._namenode.batch(calls)
            waited_s = self._clock.monotonic() - started
            files = [
                file
                for file, outcome in zip(files, outcomes, strict=True)
                if self._is_open_still(file, outcome, waited_s)
            ]
            if files:
                self._clock.sleep(_COMPLETE_PAUSE_S)

    def _is_open_still(self, file: _File, outcome: Any, waited_s: float) -> bool:
        if isinstance(outcome, Exception):
            self._give_up(file, outcome)
            return False
        if outcome.complete.done:
            return False
        if waited_s > self._settings.close_s:
            why = outcome.complete.waiting_for
            self._give_up(
                file, NotReadyException(f"{file.path} is not closed after {waited_s:.0f} s: {why}")
            )
            return False
        return True

    def _give_up(self, file: _File, error: Exception) -> None:
        file.error = error
        try:
            assert file.status is not None
            self._namenode.release_lease(file.status, discard=True)
        except StoreError as failure:
            log.warning("%s could not be removed, its lease will run out: %s", file.path, failure)


def _going(group: Sequence[_File]) -> list[_File]:
    return [file for file in group if file.error is None]


def _refuse_large(group: Sequence[_File], bytes_max: int) -> None:
    for file in group:
        if len(file.data) > bytes_max:
            file.error = InvalidRequestException(
                f"{file.path}: {len(file.data)} bytes are too many for a bundle, which takes files "
                f"up to {bytes_max}"
            )


def _is_small(file: _File) -> bool:
    if not file.data:
        return False
    assert file.status is not None
    return len(file.data) <= min(SMALL_BYTES, file.status.block_bytes)


def _inode(file: _File) -> int:
    assert file.status is not None
    return file.status.inode_id
