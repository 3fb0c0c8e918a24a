"""What simulated users of the block store do: files in a directory of their own."""

import random

from blockstore.errors import BlockMissingException, StoreError
from simulator.client import GaveUp, StoreSession
from simulator.invariants import StoreChecker
from simulator.ledger import Ledger
from simulator.namenode_host import CONFIG
from simulator.network import Host, Network
from simulator.reader import read_file, read_open_file
from simulator.world import Broken, World
from simulator.writer import FileWriter, WriteFailed, Written, at_creation

BLOCK_BYTES = CONFIG.block_bytes


class User(Host):
    """Creates, writes, reads, renames and deletes, one thing after another."""

    def __init__(
        self,
        world: World,
        network: Network,
        name: str,
        near: str,
        ledger: Ledger,
        checker: StoreChecker,
        *,
        replication_min: int,
    ) -> None:
        super().__init__(world, network, name)
        self.rng = world.rng(name)
        self._near = near
        self._lives = 0
        self._ledger = ledger
        self._checker = checker
        self._replication_min = replication_min
        self._made = 0
        self.stopping = False

    def start(self) -> None:
        self.open_session()
        self.world.spawn(self.session.renew_leases(), self.life)
        self.world.spawn(self._live(), self.life)

    def open_session(self) -> None:
        """A program that was started again is another client."""
        self.begin_life()
        self._lives += 1
        client_id = f"{self.name}#{self._lives}"
        self.session = StoreSession(self, client_id, self.rng, near=self._near)

    async def _live(self) -> None:
        choices = [self._write] * 5 + [self._read] * 2 + [self._rename, self._delete]
        choices += [self._overwrite, self._set_replication]
        choices += [self._peek] * 2 + [self._append] * 2 + [self._truncate, self._concat]
        while not self.stopping:
            await self.world.sleep(self.rng.expovariate(1.0))
            try:
                await self.rng.choice(choices)()
            except GaveUp as error:
                self.world.count("user gave up", self.name, error)
            except WriteFailed as error:
                self.world.count("write failed", self.name, error)
            except StoreError as error:
                self.world.count(f"user refused: {type(error).__name__}", self.name, error)

    # --- what a user does

    def _new_path(self) -> str:
        self._made += 1
        return f"/{self.name}/d{self._made % 3}/f{self._made}"

    def _some_file(self) -> tuple[str, int] | None:
        own = [
            (path, inode_id)
            for path, inode_id in self._ledger.paths.items()
            if inode_id in self._ledger.promises and path.startswith(f"/{self.name}/")
        ]
        return self.rng.choice(own) if own else None

    async def _write(self) -> None:
        await self._write_to(self._new_path(), overwrite=False)

    async def _overwrite(self) -> None:
        found = self._some_file()
        if found is not None:
            await self._write_to(found[0], overwrite=True)

    async def _write_to(self, path: str, *, overwrite: bool) -> None:
        rng, ledger = self.rng, self._ledger
        sizes = [0, 1, 100, 400, BLOCK_BYTES, BLOCK_BYTES + 1, 1200]
        size = rng.choice(sizes)
        replication = rng.choice([self._replication_min, 2, 3, 3])
        known = ledger.doubt(path)
        old = known[0][1] if known else None
        ledger.released(old)
        writer = self.session.new_writer()
        status = await self.session.ask(
            "create",
            path,
            client_id=writer,
            replication=max(replication, self._replication_min),
            block_bytes=BLOCK_BYTES,
            overwrite=overwrite,
            request_id=self.session.request_id(),
        )
        content = random.Random(f"{self.name}/{status.inode_id}").randbytes(size)
        file = at_creation(status, content, writer)
        ledger.created(file)
        ledger.stands(path, file.inode_id)
        if overwrite:
            self.world.figures["file overwritten"] += 1
        await self._fill(path, file)

    async def _fill(self, path: str, file: Written) -> None:
        writer = FileWriter(self.session, file, BLOCK_BYTES, self.rng.choice([0.0, 0.0, 0.3]))
        self.world.figures["writes begun"] += 1
        await writer.write()
        if self.rng.random() < 0.05:
            # A program that forgets to close: its lease goes on being renewed with the others.
            self.world.count("file left open", path)
            return
        await writer.close()
        self._promise(file)
        self.world.count("file closed", path, len(file.content))

    async def _append(self) -> None:
        found = self._some_file()
        if found is None:
            return
        path, inode_id = found
        old = self._ledger.promises[inode_id].file.content
        more = self.rng.randbytes(self.rng.choice([1, 70, 300, BLOCK_BYTES]))
        file = self._ledger.reopened(inode_id, old + more, len(old))
        writer = FileWriter(self.session, file, BLOCK_BYTES, self.rng.choice([0.0, 0.3]))
        await writer.append()
        await writer.close()
        self._promise(file)
        self.world.count("file appended to", path, len(more))

    async def _truncate(self) -> None:
        found = self._some_file()
        if found is None:
            return
        path, inode_id = found
        old = self._ledger.promises[inode_id].file.content
        length = self.rng.randint(0, len(old))
        file = self._ledger.reopened(inode_id, old, length)
        request_id = self.session.request_id()
        until = self.world.now + self.session.patience_s
        while not (await self.session.ask("truncate", path, length, request_id=request_id)).done:
            if self.world.now > until:
                raise GaveUp(f"truncate of {path}")
            await self.world.sleep(0.3)
        location = await self.session.ask("locate", path)
        file.content = old[:length]
        file.blocks = [located.block for located in location.blocks]
        self._promise(file)
        self.world.count("file cut", path, length)

    async def _concat(self) -> None:
        found, other = self._some_file(), self._some_file()
        if found is None or other is None or found == other:
            return
        (target, inode_id), (source, source_id) = found, other
        promises = self._ledger.promises
        old, tail = promises[inode_id].file.content, promises[source_id].file.content
        blocks = promises[source_id].blocks
        self._ledger.doubt(source)
        self._ledger.released(source_id)
        file = self._ledger.reopened(inode_id, old + tail, len(old))
        await self.session.ask("concat", target, (source,), request_id=self.session.request_id())
        self._ledger.stands(source, None)
        file.blocks += blocks
        self._promise(file)
        self.world.count("files joined", target, source)

    def _promise(self, file: Written) -> None:
        self._ledger.closed(file)
        self._checker.promised(file.inode_id)

    async def _read(self) -> None:
        found = self._some_file()
        if found is not None:
            await self.read_and_compare(*found)

    async def read_and_compare(self, path: str, inode_id: int, *, must: bool = False) -> None:
        promise = self._ledger.promises[inode_id]
        try:
            content = await read_file(self.session, path)
        except BlockMissingException as error:
            if must:
                raise Broken(f"{path} can't be read: {error}") from error
            self.world.count("read found no replica", path)
            return
        if self._ledger.paths.get(path) == inode_id and content != promise.file.content:
            raise Broken(f"{path}: {len(content)} bytes were read, and they aren't those written")
        self.world.count("file read", path)

    async def _peek(self) -> None:
        """Reads a file that somebody writes: all that he has flushed, and nothing else."""
        ledger = self._ledger
        being_written = [
            (path, ledger.written[inode_id])
            for path, inode_id in ledger.paths.items()
            if inode_id in ledger.written and inode_id not in ledger.promises
        ]
        if not being_written:
            return
        path, file = self.rng.choice(being_written)
        flushed, synced = file.acknowledged, file.synced
        # Who has begun to read before a cut may see what was there.
        written = file.content
        content = await read_open_file(self.session, path)
        if content is None or ledger.written.get(file.inode_id) is not file:
            return
        if ledger.paths.get(path) != file.inode_id or not written.startswith(content):
            self._checker.must(
                ledger.paths.get(path) != file.inode_id, f"{path}: wrong bytes were read"
            )
            return
        if self._checker.is_closed(file.inode_id):
            # By the NameNode, for a writer it lost: the checker has judged what was kept.
            return
        calm = not any(ledger.power_losses.get(node) for node in file.pipeline)
        self._checker.must(
            len(content) >= (flushed if calm else synced),
            f"{path}: {len(content)} bytes were read after {flushed} had been flushed",
        )
        self.world.count("open file read", path, len(content))

    async def read_unpromised(self, path: str, inode_id: int) -> None:
        """A file whose writer never heard how it ended has a beginning of what was written."""
        file = self._ledger.written[inode_id]
        try:
            content = await read_file(self.session, path)
        except BlockMissingException:
            self.world.count("read found no replica", path)
            return
        if not file.content.startswith(content) or len(content) < file.synced:
            raise Broken(
                f"{path}: {len(content)} bytes were read, {file.synced} must be there, "
                f"{len(file.content)} were written"
            )
        self.world.count("unfinished file read", path)

    async def _rename(self) -> None:
        found = self._some_file()
        if found is None:
            return
        source, inode_id = found
        target = self._new_path()
        known = self._ledger.doubt(source, target)
        try:
            await self.session.ask("mkdirs", target.rpartition("/")[0])
            await self.session.ask("rename", source, target, request_id=self.session.request_id())
        except StoreError:
            self._ledger.restore(known)
            raise
        self._ledger.stands(source, None)
        self._ledger.stands(target, inode_id)
        self.world.count("file renamed", source, target)

    async def _delete(self) -> None:
        found = self._some_file()
        if found is None:
            return
        path, inode_id = found
        self._ledger.doubt(path)
        self._ledger.released(inode_id)
        await self.session.ask("delete", path, request_id=self.session.request_id())
        self._ledger.stands(path, None)
        self.world.count("file deleted", path)

    async def _set_replication(self) -> None:
        found = self._some_file()
        if found is not None:
            wanted = self.rng.choice([self._replication_min, 2, 3])
            await self.session.ask("set_replication", found[0], max(wanted, self._replication_min))
            self.world.count("replication changed", found[0])
