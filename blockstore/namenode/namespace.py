"""The tree of names: inodes with ids, directories as dicts.

Rules
- An inode knows its parent and its name; its path is found by climbing, so renaming a
  directory costs the same whatever lies below it.
- Owner, group and mode are one `Permission`, and inodes with equal ones share the object: a
  million inodes have a handful. ACLs belong there, too, since they are as few; extended
  attributes and quotas are rare and belong into tables of `State` by inode id.
- Mutators are mechanical and trust their arguments; `State.apply` alone calls them, and the
  core has checked before it wrote the entry.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

from blockstore.errors import FileNotFoundException, ParentNotDirectoryException
from blockstore.model import Block, FileStatus, Node, Permission
from blockstore.namenode import paths
from blockstore.namenode.entries import OPEN_ROOT
from blockstore.namenode.nameorder import NameOrder

ROOT_ID: Final = 1
# A file whose lease was revoked and that the NameNode itself is closing.
NAMENODE_WRITES: Final = ""
# Sorted anew for every page: a tenth of a millisecond.
SMALL_ENTRIES: Final = 1_000


class Stamped(Protocol):
    """A Block, or one on the wire: a restart that made a Block of each would take longer."""

    @property
    def id(self) -> int: ...

    @property
    def generation(self) -> int: ...

    @property
    def length(self) -> int: ...


class StoredBlock:
    """The journaled part of a block. While open, `length` is what was synced."""

    __slots__ = ("committed", "generation", "id", "inode_id", "length", "pipeline")

    def __init__(
        self,
        block: "Stamped",
        inode_id: int,
        *,
        committed: bool = False,
        pipeline: tuple[Node, ...] = (),
    ) -> None:
        self.id = block.id
        self.generation = block.generation
        self.length = block.length
        self.inode_id = inode_id
        # Final stamp and length are known.
        self.committed = committed
        # The nodes that were told to write it; kept until the next block or the close.
        self.pipeline = pipeline

    def value(self) -> Block:
        return Block(self.id, self.generation, self.length)

    def __repr__(self) -> str:
        state = "" if self.committed else " open"
        return f"<blk_{self.id}_{self.generation} {self.length} bytes{state}>"


class Directory:
    """A directory; `children` by name."""

    __slots__ = ("_order", "children", "id", "modified_at_s", "name", "parent", "permission")

    def __init__(self, inode_id: int, name: str, at_s: float, permission: Permission) -> None:
        self.id = inode_id
        self.name = name
        self.modified_at_s = at_s
        self.permission = permission
        self.parent: Directory | None = None
        self.children: dict[str, Inode] = {}
        # Of a large directory that was listed; kept up to date from then on.
        self._order: NameOrder | None = None

    def put(self, child: "Inode") -> None:
        self.children[child.name] = child
        child.parent = self
        if self._order is not None:
            self._order.add(child.name)

    def remove(self, child: "Inode") -> None:
        del self.children[child.name]
        child.parent = None
        if self._order is not None:
            self._order.remove(child.name)

    def order_some(self) -> bool:
        """Brings some more names into order; whether it must be called again before `following`
        has little to do."""
        if len(self.children) <= SMALL_ENTRIES:
            return False
        if self._order is None:
            self._order = NameOrder(self.children)
        else:
            self._order.work(self.children)
        return not self._order.is_ready

    def following(self, name: str, *, including: bool = False) -> Iterator[str]:
        """The names after `name`, in order; the directory must not change meanwhile."""
        if len(self.children) <= SMALL_ENTRIES:
            self._order = None
            found = sorted(self.children)
            return iter(found[(bisect_left if including else bisect_right)(found, name) :])
        while self.order_some():
            pass
        assert self._order is not None
        return self._order.following(name, including=including)

    def __repr__(self) -> str:
        return f"<directory {self.id} {self.name!r} {len(self.children)} entries>"


class File:
    """A file; `writer` is the lease holder, None when closed, NAMENODE_WRITES when revoked."""

    __slots__ = (
        "accessed_at_s",
        "block_bytes",
        "blocks",
        "id",
        "modified_at_s",
        "name",
        "parent",
        "permission",
        "replication",
        "writer",
    )

    def __init__(
        self,
        inode_id: int,
        name: str,
        at_s: float,
        permission: Permission,
        *,
        replication: int,
        block_bytes: int,
        writer: str | None,
    ) -> None:
        self.id = inode_id
        self.name = name
        self.modified_at_s = at_s
        self.accessed_at_s = at_s
        self.permission = permission
        self.parent: Directory | None = None
        self.replication = replication
        self.block_bytes = block_bytes
        self.writer = writer
        self.blocks: list[StoredBlock] = []

    @property
    def is_open(self) -> bool:
        return self.writer is not None

    @property
    def length(self) -> int:
        return sum(block.length for block in self.blocks)

    def __repr__(self) -> str:
        writer = "" if self.writer is None else f" written by {self.writer or 'the NameNode'}"
        return f"<file {self.id} {self.name!r} {len(self.blocks)} blocks{writer}>"


Inode: TypeAlias = Directory | File


class Namespace:
    """All inodes, by id and by path."""

    def __init__(self) -> None:
        self.root = Directory(ROOT_ID, "", 0.0, OPEN_ROOT)
        self.inodes: dict[int, Inode] = {ROOT_ID: self.root}
        self.files = 0
        self._permissions: dict[Permission, Permission] = {}

    # --- looking --------------------------------------------------------------

    def find(self, path: str) -> Inode | None:
        """The inode at `path`, or None.

        Raises:
            InvalidPathException: no path at all.
        """
        inode: Inode | None = self.root
        for name in paths.split(path):
            if not isinstance(inode, Directory):
                return None
            inode = inode.children.get(name)
        return inode

    def get(self, path: str) -> Inode:
        """The inode at `path`.

        Raises:
            FileNotFoundException: names the deepest directory that exists.
        """
        inode = self.find(path)
        if inode is None:
            raise FileNotFoundException(f"'{path}' does not exist{self._nearest(path)}")
        return inode

    def _nearest(self, path: str) -> str:
        inode: Inode = self.root
        for name in paths.split(path)[:-1]:
            if isinstance(inode, File):
                return f": '{self.path_of(inode)}' is a file"
            child = inode.children.get(name)
            if child is None:
                return f": nor does the directory '{name}' in '{self.path_of(inode)}'"
            inode = child
        return ""

    def parent_for(self, path: str) -> tuple[Directory, list[str]]:
        """The deepest existing directory above `path`, and the names that are missing below it.

        Raises:
            ParentNotDirectoryException: a file stands in the way.
        """
        names = paths.split(path)
        directory = self.root
        for depth, name in enumerate(names[:-1]):
            child = directory.children.get(name)
            if child is None:
                return directory, list(names[depth:])
            if isinstance(child, File):
                raise ParentNotDirectoryException(
                    f"'{path}' can't be: '{self.path_of(child)}' is a file"
                )
            directory = child
        return directory, list(names[-1:])

    def stands(self, inode: Inode) -> bool:
        """Whether it has a path: what was removed may be known by its id for a while."""
        climbing: Inode | None = inode
        while climbing is not None and climbing is not self.root:
            climbing = climbing.parent
        return climbing is self.root

    def path_of(self, inode: Inode) -> str:
        names = []
        climbing: Inode | None = inode
        while climbing is not None and climbing is not self.root:
            names.append(climbing.name)
            climbing = climbing.parent
        return paths.join(tuple(reversed(names)))

    def status(self, inode: Inode, path: str | None = None) -> FileStatus:
        path = self.path_of(inode) if path is None else path
        if isinstance(inode, Directory):
            return FileStatus(
                path,
                True,
                0,
                0,
                0,
                inode.modified_at_s,
                inode.id,
                children=len(inode.children),
                permission=inode.permission,
            )
        return FileStatus(
            path,
            False,
            inode.length,
            inode.replication,
            inode.block_bytes,
            inode.modified_at_s,
            inode.id,
            under_construction=inode.is_open,
            permission=inode.permission,
            accessed_at_s=inode.accessed_at_s,
        )

    def walk(
        self, top: Inode, look_into: Callable[[Directory], None] = lambda _: None
    ) -> Iterator[Inode]:
        """`top` and all below it, parents before children.

        `look_into` is asked before a directory is looked into, and may raise.
        """
        waiting = [top]
        while waiting:
            inode = waiting.pop()
            yield inode
            if isinstance(inode, Directory):
                look_into(inode)
                waiting.extend(inode.children.values())

    # --- changing: only State.apply -------------------------------------------

    def shared(self, permission: Permission) -> Permission:
        """The one object for all equal permissions."""
        return self._permissions.setdefault(permission, permission)

    def add(self, inode: Inode, parent_id: int, at_s: float) -> None:
        parent = self.directory(parent_id)
        parent.put(inode)
        parent.modified_at_s = at_s
        self.inodes[inode.id] = inode
        self.files += isinstance(inode, File)

    def detach(self, inode: Inode, at_s: float) -> None:
        """Takes the inode from its directory; its subtree stays known by id."""
        assert inode.parent is not None, f"{inode} has no parent"
        inode.parent.modified_at_s = at_s
        inode.parent.remove(inode)

    def move(self, inode: Inode, parent_id: int, name: str, at_s: float) -> None:
        self.detach(inode, at_s)
        inode.name = name
        parent = self.directory(parent_id)
        parent.put(inode)
        parent.modified_at_s = at_s

    def forget(self, inode: Inode) -> None:
        """A detached one, without anything below."""
        inode.parent = None
        del self.inodes[inode.id]
        self.files -= isinstance(inode, File)

    def directory(self, inode_id: int) -> Directory:
        inode = self.inodes[inode_id]
        assert isinstance(inode, Directory), f"{inode} is no directory"
        return inode

    def file(self, inode_id: int) -> File:
        inode = self.inodes[inode_id]
        assert isinstance(inode, File), f"{inode} is no file"
        return inode
