"""Users who write down what they asked for and what they were told, about a few shared names.

Their histories are checked for linearizability (tests/cluster/linearizability.py) against the
same specification as those of real processes. Here files are without bytes, and nothing is said
of when they are open: their leases may run out in a partition.
"""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from blockstore.errors import (
    AlreadyBeingCreatedException,
    FileAlreadyExistsException,
    FileNotFoundException,
    InvalidPathException,
    IsADirectoryException,
    ParentNotDirectoryException,
    PathIsNotEmptyDirectoryException,
    StoreError,
)
from simulator.client import GaveUp
from simulator.storescenario import StoreScenario
from simulator.workload import BLOCK_BYTES, User
from simulator.world import Broken, World
from tests.cluster.linearizability import Operation, check
from tests.cluster.namespacespec import START, step

NAMES = ("a", "b")
PATHS = [f"/{x}" for x in NAMES] + [f"/{x}/{y}" for x in NAMES for y in NAMES]
HOME = "/history"
# Between two requests of one user.
PAUSE_S = 0.3
# More than this can't be placed by the search in a reasonable time.
OPERATIONS_MAX = 300

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (AlreadyBeingCreatedException, "exists"),
    (FileAlreadyExistsException, "exists"),
    (ParentNotDirectoryException, "no-directory"),
    (IsADirectoryException, "is-directory"),
    (PathIsNotEmptyDirectoryException, "not-empty"),
    (InvalidPathException, "below-itself"),
    (FileNotFoundException, "missing"),
)


class Historian(User):
    """One user; `history` and `order` are everybody's."""

    history: list[Operation]
    order: Iterator[int]

    def start(self) -> None:
        self.note_unknown()
        super().start()

    def note_unknown(self) -> None:
        """What was asked when the user was killed: its outcome isn't known."""
        pending = getattr(self, "_pending", None)
        if pending is not None:
            self.history.append(Operation(pending[0], None, pending[1]))
        self._pending: tuple[int, tuple[Any, ...]] | None = None

    def open_session(self) -> None:
        super().open_session()
        # Some give up early: what they asked for may happen after it.
        self.session.patience_s = self.rng.choice([4.0, 60.0, 60.0])

    async def _live(self) -> None:
        await self._make_home()
        while not self.stopping and len(self.history) < OPERATIONS_MAX:
            await self.world.sleep(self.rng.expovariate(1 / PAUSE_S))
            action = self._choose()
            call = next(self.order)
            self._pending = (call, action)
            try:
                result = await self._do(*action)
            except GaveUp:
                self.world.count("outcome unknown")
                self.note_unknown()
                continue
            self._pending = None
            self.world.note("told", self.name, action, result)
            self.history.append(Operation(call, next(self.order), action, result))

    async def _make_home(self) -> None:
        while True:
            with contextlib.suppress(GaveUp):
                await self.session.ask("mkdirs", HOME)
                return

    def _choose(self) -> tuple[Any, ...]:
        rng = self.rng
        name = rng.choice(["mkdir", "create", "rename", "rename", "delete", *["stat"] * 4, "list"])
        path = rng.choice(PATHS)
        match name:
            case "create":
                return (name, path, None)
            case "rename":
                return (name, path, rng.choice(PATHS), rng.random() < 0.5)
            case "list":
                return (name, rng.choice(["", *PATHS]))
            case _:
                return (name, path)

    async def _do(self, name: str, *arguments: Any) -> Any:
        try:
            return await getattr(self, "_do_" + name)(*arguments)
        except StoreError as error:
            word = next((word for kind, word in _WORDS if isinstance(error, kind)), None)
            if word is None:
                raise
            return word

    async def _ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        return await self.session.ask(
            method, *arguments, **named, request_id=self.session.request_id()
        )

    async def _do_mkdir(self, path: str) -> str:
        await self._ask("mkdirs", HOME + path, parents=False)
        return "ok"

    async def _do_create(self, path: str, _: None) -> str:
        writer = self.session.new_writer()
        status = await self._ask(
            "create",
            HOME + path,
            client_id=writer,
            replication=1,
            block_bytes=BLOCK_BYTES,
            overwrite=False,
        )
        self.world.spawn(self._close(status.inode_id, writer), self.life)
        return "ok"

    async def _close(self, inode_id: int, writer: str) -> None:
        try:
            await self.session.ask("complete", inode_id, client_id=writer, last=None)
        except (GaveUp, StoreError):
            self.world.figures["file not closed by its writer"] += 1

    async def _do_rename(self, old: str, new: str, replace: bool) -> str:
        await self._ask("rename", HOME + old, HOME + new, overwrite=replace)
        return "ok"

    async def _do_delete(self, path: str) -> bool:
        return bool(await self._ask("delete", HOME + path, recursive=True))

    async def _do_stat(self, path: str) -> Any:
        try:
            status = await self.session.ask("stat", HOME + path)
        except FileNotFoundException:
            return None
        return "directory" if status.is_directory else ("file",)

    async def _do_list(self, path: str) -> tuple[str, ...]:
        listing = await self.session.ask("listing", HOME + path)
        return tuple(entry.name for entry in listing.entries)


class HistoryScenario(StoreScenario):
    """A store whose users are historians; the run ends with the check."""

    faults_s = 90.0
    store_users = 0
    historians = 4

    def __init__(self, world: World, **types: Any) -> None:
        super().__init__(world, **types)
        self.history: list[Operation] = []
        order = itertools.count(1)
        for number in range(self.historians):
            user = Historian(
                world, self.network, f"historian-{number}", self.datanodes[0].name,
                self.ledger, self.checker, replication_min=1,
            )  # fmt: skip
            user.history, user.order = self.history, order
            self.users.append(user)

    def run(self) -> None:
        super().run()
        for user in self.users:
            if isinstance(user, Historian):
                user.note_unknown()
        self.world.figures["operations in histories"] += len(self.history)
        try:
            check(self.history, step, START)
        except AssertionError as error:
            raise Broken(str(error)) from error
