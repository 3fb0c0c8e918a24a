"""The core's calls that change files which were closed, and those about their leases.

Part of the core (core.py): the same rules, the same arguments, the same kind of answer.
"""

from collections.abc import Sequence

from blockstore.namenode.appending import Appending
from blockstore.namenode.closing import Closing
from blockstore.namenode.concatenating import Concatenating
from blockstore.namenode.leaselist import LeaseList, LeaseLook
from blockstore.namenode.naming import Naming
from blockstore.namenode.nodereports import writers_wanted
from blockstore.namenode.outcomes import once
from blockstore.namenode.parts import Parts
from blockstore.namenode.ready import Ready
from blockstore.namenode.replies import Appended, Completion, LeasePage
from blockstore.namenode.truncating import Truncating


class FileChanges:
    """append, truncate, concat, leases."""

    def __init__(self, parts: Parts, naming: Naming, closing: Closing) -> None:
        self._parts = parts
        self._naming, self._closing = naming, closing
        self._leases = LeaseList(parts, closing)
        self._appending = Appending(parts, naming, closing)
        self._truncating = Truncating(parts, self._appending, closing)
        self._concatenating = Concatenating(parts, self._appending)

    @once
    def append(
        self, path: str, *, client_id: str, request_id: str = "", now: float, wall: float
    ) -> Ready[Appended]:
        self._parts.safe_mode.check(f"appending to '{path}'")
        appended = self._appending.append(
            path, client_id=client_id, request_id=request_id, now=now, wall=wall
        )
        return self._parts.ready(appended)

    def release_lease(
        self,
        inode_id: int,
        *,
        client_id: str,
        discard: bool = False,
        now: float,
        wall: float,
    ) -> Ready[None]:
        """`discard`: the file is removed."""
        self._parts.safe_mode.check(f"closing file {inode_id}")
        self._appending.release(inode_id, client_id, discard=discard, now=now, wall=wall)
        return self._parts.ready(None)

    def renew_lease(self, client_id: str, *, now: float) -> Ready[dict[str, int]]:
        """Nodes that writers should leave, as `writers_wanted` says."""
        self._parts.leases.renew(client_id, now)
        return Ready(writers_wanted(self._parts, now))

    def recover_lease(self, path: str, *, now: float, wall: float) -> Ready[Completion]:
        self._parts.safe_mode.check(f"closing '{path}'")
        completion = self._closing.recover(self._naming.file(path), now=now, wall=wall)
        return self._parts.ready(completion)

    @once
    def truncate(
        self, path: str, length: int, *, request_id: str = "", now: float, wall: float
    ) -> Ready[Completion]:
        self._parts.safe_mode.check(f"truncating '{path}'")
        completion = self._truncating.truncate(
            path, length, request_id=request_id, now=now, wall=wall
        )
        return self._parts.ready(completion)

    @once
    def concat(
        self,
        target: str,
        sources: Sequence[str],
        *,
        request_id: str = "",
        now: float,
        wall: float,
    ) -> Ready[None]:
        self._parts.safe_mode.check(f"adding files to '{target}'")
        self._concatenating.concat(target, sources, request_id=request_id, now=now, wall=wall)
        return self._parts.ready(None)

    def leases(
        self,
        path: str = "/",
        *,
        start_after: int = 0,
        limit: int = 0,
        look: LeaseLook,
        now: float,
    ) -> Ready[LeasePage]:
        """Raises:
        Unfinished: `look`, one for each request, has more to look at.
        """
        return Ready(self._leases.page(path, start_after, limit, look, now))
