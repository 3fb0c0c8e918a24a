"""What an inode has beside its name: owner, group, mode, times. Part of the core (core.py).

Rules
- What is so already needs no entry.
- A repeated request (same id) does nothing more.
- A reading is noted at most every `access_precision_s`, and never while changes are refused.
"""

from dataclasses import replace

from blockstore.errors import InvalidRequestException
from blockstore.model import Permission
from blockstore.namenode.entries import PermissionSet, TimesSet
from blockstore.namenode.namespace import File, Inode
from blockstore.namenode.outcomes import once
from blockstore.namenode.ownership import checked_mode
from blockstore.namenode.parts import Parts
from blockstore.namenode.ready import Ready

# Some thirty thousand years from now.
_TIME_MAX_S = 1e12


class Attributes:
    """The attributes of inodes, as clients change them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @once
    def set_mode(self, path: str, mode: int, *, request_id: str = "") -> Ready[None]:
        self._parts.safe_mode.check(f"changing the mode of '{path}'")
        if not self._parts.is_repeated(request_id, PermissionSet):
            inode = self._found(path)
            self._parts.access.own(inode, "change the mode")
            self._set(inode, replace(inode.permission, mode=checked_mode(mode)), request_id)
        return self._parts.ready(None)

    @once
    def set_owner(
        self, path: str, *, owner: str = "", group: str = "", request_id: str = ""
    ) -> Ready[None]:
        """Empty: stays."""
        self._parts.safe_mode.check(f"changing the owner of '{path}'")
        if not self._parts.is_repeated(request_id, PermissionSet):
            inode = self._found(path)
            self._parts.access.change_owner(inode, owner, group)
            before = inode.permission
            after = replace(before, owner=owner or before.owner, group=group or before.group)
            self._set(inode, after, request_id)
        return self._parts.ready(None)

    @once
    def set_times(
        self,
        path: str,
        *,
        modified_at_s: float | None = None,
        accessed_at_s: float | None = None,
        request_id: str = "",
    ) -> Ready[None]:
        """None: stays. Directories have no access time."""
        self._parts.safe_mode.check(f"changing the times of '{path}'")
        for at_s in (modified_at_s, accessed_at_s):
            # So written, what is no number is refused, too.
            if at_s is not None and not abs(at_s) < _TIME_MAX_S:
                raise InvalidRequestException(f"{at_s} is no time in seconds since the epoch")
        if not self._parts.is_repeated(request_id, TimesSet):
            inode = self._found(path)
            self._parts.access.write(inode)
            self._set_times(inode, modified_at_s, accessed_at_s, request_id)
        return self._parts.ready(None)

    def was_read(self, path: str, *, wall: float) -> Ready[None]:
        """A client has asked where the file's bytes are."""
        precision_s = self._parts.config.access_precision_s
        file = self._parts.names.find(path)
        if not precision_s or not isinstance(file, File) or self._parts.safe_mode.on:
            return Ready(None)
        if wall - file.accessed_at_s >= precision_s:
            self._set_times(file, None, wall, "")
        return self._parts.ready(None)

    def _found(self, path: str) -> Inode:
        self._parts.access.enter(path)
        return self._parts.names.get(path)

    def _set(self, inode: Inode, permission: Permission, request_id: str) -> None:
        if permission != inode.permission:
            self._parts.record(PermissionSet(inode.id, permission, request_id))

    def _set_times(
        self, inode: Inode, modified: float | None, accessed: float | None, request_id: str
    ) -> None:
        before = inode.modified_at_s, inode.accessed_at_s if isinstance(inode, File) else 0.0
        after = (
            before[0] if modified is None else modified,
            before[1] if accessed is None or not isinstance(inode, File) else accessed,
        )
        if after != before:
            self._parts.record(TimesSet(inode.id, *after, request_id))
