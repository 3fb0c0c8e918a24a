"""Requests about what an inode has beside its name: owner, group, mode, times.

Rules
- What is so already needs no entry.
- A repeated request (same id) does nothing more.
"""

from dataclasses import replace

from blockstore.errors import InvalidRequestException
from blockstore.model import Permission
from blockstore.namenode.entries import PermissionSet, TimesSet
from blockstore.namenode.namespace import File, Inode
from blockstore.namenode.ownership import checked_mode
from blockstore.namenode.parts import Parts


class Attributes:
    """The attributes of inodes, as clients change them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def set_mode(self, path: str, mode: int, request_id: str) -> None:
        if self._parts.is_repeated(request_id, PermissionSet):
            return
        inode = self._found(path)
        self._parts.access.own(inode, "change the mode")
        self._set(inode, replace(inode.permission, mode=checked_mode(mode)), request_id)

    def set_owner(self, path: str, owner: str, group: str, request_id: str) -> None:
        """Empty: stays."""
        if self._parts.is_repeated(request_id, PermissionSet):
            return
        inode = self._found(path)
        self._parts.access.change_owner(inode, owner, group)
        before = inode.permission
        after = replace(before, owner=owner or before.owner, group=group or before.group)
        self._set(inode, after, request_id)

    def _found(self, path: str) -> Inode:
        self._parts.access.enter(path)
        return self._parts.names.get(path)

    def _set(self, inode: Inode, permission: Permission, request_id: str) -> None:
        if permission != inode.permission:
            self._parts.record(PermissionSet(inode.id, permission, request_id))

    def set_times(
        self,
        path: str,
        modified_at_s: float | None,
        accessed_at_s: float | None,
        request_id: str,
    ) -> None:
        """None: stays."""
        if self._parts.is_repeated(request_id, TimesSet):
            return
        for at_s in (modified_at_s, accessed_at_s):
            # A float that isn't finite compares unequal to itself or is beyond every clock.
            if at_s is not None and not abs(at_s) < 1e12:
                raise InvalidRequestException(f"{at_s} is no time in seconds since the epoch")
        inode = self._found(path)
        self._parts.access.write(inode)
        before = inode.accessed_at_s if isinstance(inode, File) else 0.0
        accessed = before if accessed_at_s is None or not isinstance(inode, File) else accessed_at_s
        modified = inode.modified_at_s if modified_at_s is None else modified_at_s
        if (modified, accessed) != (inode.modified_at_s, before):
            self._parts.record(TimesSet(inode.id, modified, accessed, request_id))
