"""Storage in memory, for runs that are about the engine: mapred/storage's port without the block
store beneath. What it says is durable at once; it can be out of reach, and the power of a
JobTracker that uses it can go between any two of its operations.
"""

from typing import TYPE_CHECKING, Any

from blockstore.errors import UnreachableException
from mapred.errors import JobKilledError
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.ready import Action, Outcome
from mapred.model import AttemptId
from mapred.storage.port import FileInfo, OutputFile
from mapred.storage.uris import path_of
from simulator.committerstorage import CommitterStorage
from simulator.world import Died, Life, World

if TYPE_CHECKING:
    from simulator.jobtracker_host import JobTrackerHost
    from simulator.tasktracker_host import TaskTrackerHost

# A write of a task gives up after this.
PATIENCE_S = 10.0


class MemoryStore:
    """Files and directories, whole."""

    def __init__(self) -> None:
        # A directory's content is None.
        self.paths: dict[str, bytes | None] = {}

    def put(self, path: str, content: bytes | None) -> None:
        above = path.rpartition("/")[0]
        while above and above not in self.paths:
            self.paths[above] = None
            above = above.rpartition("/")[0]
        self.paths[path] = content

    def below(self, path: str) -> list[str]:
        return [one for one in self.paths if one == path or one.startswith(f"{path}/")]


class MemoryStorage(CommitterStorage):
    """What the committer uses of it. Each operation is one step, and may be the last."""

    def __init__(self, outlet: "MemoryOutlet") -> None:
        self._outlet = outlet
        self._store = outlet.store

    def stat(self, uri: str) -> FileInfo:
        self._outlet.step()
        path = path_of(uri)
        if path not in self._store.paths:
            raise FileNotFoundError(path)
        content = self._store.paths[path]
        return FileInfo(uri, content is None, len(content or b""))

    def mkdirs(self, uri: str) -> None:
        self._outlet.step()
        self._store.put(path_of(uri), None)

    def rename(self, source: str, target: str) -> None:
        self._outlet.step()
        old, new = path_of(source), path_of(target)
        if old not in self._store.paths:
            raise FileNotFoundError(old)
        self._store.put(new, self._store.paths.pop(old))

    def delete(self, uri: str) -> bool:
        self._outlet.step()
        gone = self._store.below(path_of(uri))
        for path in gone:
            del self._store.paths[path]
        return bool(gone)

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        return _Output(self._outlet, path_of(uri))


class _Output:
    def __init__(self, outlet: "MemoryOutlet", path: str) -> None:
        self._outlet = outlet
        self._path = path
        self._content = b""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        self._content += data
        return len(data)

    def commit(self) -> None:
        self._outlet.step()
        self._outlet.store.put(self._path, self._content)

    def discard(self) -> None:
        pass


class _Later(BaseException):
    """The committer waits: here the whole action is done again instead, as the next life of a
    JobTracker does it."""


class _ImpatientClock:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise _Later


class MemoryOutlet:
    """All of an action happens in one moment, unless the power goes in its middle."""

    def __init__(self, world: World, store: MemoryStore) -> None:
        self._world = world
        self.store = store
        self.reachable = True
        # Operations of the JobTracker until its power goes.
        self.fuse: int | None = None
        self._clock: Any = _ImpatientClock()

    def step(self) -> None:
        if not self.reachable:
            raise UnreachableException("the store is out of reach")
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                raise Died

    async def perform(self, host: "JobTrackerHost", action: Action) -> Outcome:
        committer = Committer(lambda _, __: MemoryStorage(self), clock=self._clock, rng=host.rng)
        while True:
            await self._world.sleep(host.rng.uniform(0.001, 0.05))
            try:
                outcome = committer.perform(action)
            except _Later:
                await self._world.sleep(0.5)
            except Died:
                host.lose_power("an action")
            else:
                await self._world.sleep(host.rng.uniform(0.001, 0.05))
                return outcome

    async def write(
        self, host: "TaskTrackerHost", life: Life, attempt: AttemptId, path: str, content: bytes
    ) -> None:
        until = self._world.now + PATIENCE_S
        await self._world.sleep(host.rng.uniform(0.001, 0.05))
        while not self.reachable:
            if self._world.now > until:
                raise UnreachableException("the store is out of reach")
            await self._world.sleep(0.5)
        if self.is_late(attempt, path):
            raise JobKilledError(f"{attempt} writes nothing: {attempt.job_id} is over")
        self.store.put(path, content)
        await self._world.sleep(host.rng.uniform(0.001, 0.05))

    def is_late(self, attempt: AttemptId, path: str) -> bool:
        """As mapred/task/late.py looks."""
        mark = f"{path.rpartition(f'/{attempt}/')[0]}/{attempt.job_id}"
        return mark not in self.store.paths

    def trouble(self, path: str, content: bytes | None) -> str:
        if path not in self.store.paths:
            return f"{path} isn't there, and its job has succeeded"
        found = self.store.paths[path]
        if content is not None and found != content:
            return f"{path} has {found!r} instead of {content!r}"
        return ""
