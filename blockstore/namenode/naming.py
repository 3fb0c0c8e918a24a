"""Requests about names: mkdir, rename, delete, list, stat, replication.

Rules
- A rename is one entry, with or without something to replace, and needs no look below a
  directory. Files that are being written move with their directory; their writers go on.
- A delete is one entry, whatever lies below.
- A repeated request (same id) gets the first one's answer.
"""

from typing import Final

from blockstore.errors import (
    FileAlreadyExistsException,
    FileNotFoundException,
    InvalidPathException,
    InvalidRequestException,
    IsADirectoryException,
    ParentNotDirectoryException,
    PathIsNotEmptyDirectoryException,
)
from blockstore.model import FileStatus, Permission
from blockstore.namenode.entries import Deleted, DirectoryMade, Renamed, ReplicationSet
from blockstore.namenode.namespace import Directory, File, Inode
from blockstore.namenode.ownership import Modes, of_directory_above, of_new_directory
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import Listing
from blockstore.namenode.treewalk import RemovalLook, SummaryWalk

# A page with long paths ends earlier: it's a message of at most some megabytes.
LIST_PAGE_CHARACTERS: Final = 500_000


class Naming:
    """The tree, as clients ask for it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._names = parts.names
        self._access = parts.access

    # --- reads ----------------------------------------------------------------

    def stat(self, path: str) -> FileStatus:
        self._access.enter(path)
        return self._names.status(self._names.get(path), path)

    def check_access(self, path: str, wanted: int) -> None:
        """Raises AccessControlException: the caller has not what is `wanted` (access.py)."""
        self._access.enter(path)
        self._access.have(self._names.get(path), wanted)

    def file(self, path: str) -> File:
        """A file that the caller may change."""
        self._access.enter(path)
        inode = self._names.get(path)
        if isinstance(inode, Directory):
            raise IsADirectoryException(f"'{path}' is a directory, this needs a file")
        self._access.write(inode)
        return inode

    def listing(self, path: str, start_after: str, limit: int) -> Listing:
        self._access.enter(path)
        inode = self._names.get(path)
        if isinstance(inode, File):
            return Listing((self._names.status(inode, path),), False)
        self._access.look_into(inode)
        limit = min(limit or self._parts.config.list_page, self._parts.config.list_page)
        prefix = path.rstrip("/")
        entries: list[FileStatus] = []
        size = 0
        for name in inode.following(start_after):
            size += len(prefix) + len(name)
            if len(entries) == limit or (entries and size > LIST_PAGE_CHARACTERS):
                return Listing(tuple(entries), True)
            entries.append(self._names.status(inode.children[name], f"{prefix}/{name}"))
        return Listing(tuple(entries), False)

    def order_some(self, path: str) -> bool:
        """Some of the work before the first page of a large directory; whether there's more."""
        self._access.enter(path)
        inode = self._names.find(path)
        if not isinstance(inode, Directory):
            return False
        self._access.look_into(inode)
        return inode.order_some()

    def walk(self, path: str) -> SummaryWalk:
        self._access.enter(path)
        return SummaryWalk(self._names.get(path))

    # --- directories ----------------------------------------------------------

    def mkdirs(
        self, path: str, *, parents: bool, modes: Modes, request_id: str, wall: float
    ) -> None:
        if self._parts.is_repeated(request_id, DirectoryMade):
            return
        self._access.enter(path)
        inode = self._names.find(path)
        if inode is not None:
            if parents and isinstance(inode, Directory):
                return
            raise FileAlreadyExistsException(f"'{path}' exists already")
        directory, missing = self._names.parent_for(path)
        if len(missing) > 1 and not parents:
            raise FileNotFoundException(
                f"'{path}' can't be made: the directory '{missing[0]}' does not exist in "
                f"'{self._names.path_of(directory)}'"
            )
        self._access.add_entry(directory, missing[0])
        directory = self.make_above(directory, missing[:-1], modes, wall)
        permission = of_new_directory(self._access.caller, directory, modes)
        self._make(directory, missing[-1], permission, wall, request_id)

    def make_above(
        self, directory: Directory, names: list[str], modes: Modes, wall: float
    ) -> Directory:
        """A chain of new directories below `directory`; returns the last."""
        for name in names:
            permission = of_directory_above(self._access.caller, directory, modes)
            directory = self._make(directory, name, permission, wall)
        return directory

    def _make(
        self,
        parent: Directory,
        name: str,
        permission: Permission,
        wall: float,
        request_id: str = "",
    ) -> Directory:
        inode_id = self._parts.state.next_inode_id
        self._parts.record(DirectoryMade(inode_id, parent.id, name, wall, permission, request_id))
        return self._names.directory(inode_id)

    # --- rename and delete ----------------------------------------------------

    def rename(
        self, source: str, target: str, *, overwrite: bool, request_id: str, wall: float
    ) -> None:
        if self._parts.is_repeated(request_id, Renamed):
            return
        self._access.enter(source)
        self._access.enter(target)
        moving = self._names.get(source)
        if moving is self._names.root:
            raise InvalidPathException("the root can't be renamed")
        standing = self._names.find(target)
        if standing is moving:
            return
        parent, missing = self._names.parent_for(target)
        if standing is None and len(missing) > 1:
            raise FileNotFoundException(
                f"can't rename '{source}' to '{target}': the directory '{missing[0]}' does not "
                f"exist in '{self._names.path_of(parent)}'"
            )
        self._check_not_below_itself(moving, parent, source, target)
        if standing is not None:
            self._check_replaceable(standing, moving, target, overwrite)
        self._access.take_entry(moving)
        self._access.add_entry(parent, missing[-1] if missing else "")
        if standing is not None:
            self._access.take_entry(standing)
        name = missing[-1] if missing else ""
        self._parts.record(
            Renamed(moving.id, parent.id, name, wall, standing.id if standing else 0, request_id)
        )

    def _check_not_below_itself(
        self, moving: Inode, parent: Directory, source: str, target: str
    ) -> None:
        above: Directory | None = parent
        while above is not None:
            if above is moving:
                raise InvalidPathException(f"can't rename '{source}' below itself to '{target}'")
            above = above.parent

    @staticmethod
    def _check_replaceable(standing: Inode, moving: Inode, target: str, overwrite: bool) -> None:
        if not overwrite:
            raise FileAlreadyExistsException(f"'{target}' exists already")
        if isinstance(standing, Directory):
            if isinstance(moving, File):
                raise IsADirectoryException(f"'{target}' is a directory, a file can't replace it")
            if standing.children or standing.parent is None:
                raise PathIsNotEmptyDirectoryException(
                    f"'{target}' has {_entries_of(standing)}: only an empty directory "
                    "can be replaced"
                )
        elif isinstance(moving, Directory):
            raise ParentNotDirectoryException(f"'{target}' is a file, a directory can't replace it")

    def delete(
        self,
        path: str,
        *,
        recursive: bool,
        look: RemovalLook | None,
        request_id: str,
        wall: float,
    ) -> bool:
        """For good: trash.py knows the way back."""
        if self._parts.is_repeated(request_id, Deleted):
            return True
        inode = self.deletable(path, recursive, look)
        if inode is None:
            return False
        self._parts.record(Deleted(inode.id, wall, request_id))
        return True

    def deletable(self, path: str, recursive: bool, look: RemovalLook | None) -> Inode | None:
        """What stands there, if the caller may delete it; None: nothing does.

        Raises:
            Unfinished: `look` has more to look through.
        """
        self._access.enter(path)
        inode = self._names.find(path)
        if inode is None:
            return None
        if inode is self._names.root:
            raise InvalidPathException("the root can't be deleted")
        if isinstance(inode, Directory) and inode.children and not recursive:
            raise PathIsNotEmptyDirectoryException(
                f"'{path}' is not empty: it has {_entries_of(inode)}"
            )
        if look is None:
            self._access.take_tree(inode)
        else:
            look.go_through(inode, self._access)
        return inode

    def set_replication(self, path: str, replication: int, request_id: str) -> None:
        if self._parts.is_repeated(request_id, ReplicationSet):
            return
        file = self.file(path)
        self.check_replication(replication)
        if file.replication == replication:
            return
        self._parts.record(ReplicationSet(file.id, replication, request_id))
        for block in file.blocks:
            self._parts.replication.touch(block.id)

    def check_replication(self, replication: int) -> None:
        most = self._parts.config.replication_max
        if not 1 <= replication <= most:
            raise InvalidRequestException(f"replication {replication} is not in 1..{most}")


def _entries_of(directory: Directory) -> str:
    count = len(directory.children)
    return "1 entry" if count == 1 else f"{count} entries"
