"""A file system in a few dictionaries, as Hadoop's documents say that one behaves.

Written from "The Hadoop FileSystem API Definition" (filesystem.md, and the documents of append,
truncate and concat there) and the Javadoc of FileContext.rename, not from our code. Where HDFS
and these differ, or leave it open, the rule says what is asked of us.

Every operation returns what the store must answer, or raises Refused with the errors it may.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from blockstore import errors


class Refused(Exception):
    """The operation must fail, with one of these."""

    def __init__(self, *kinds: type[errors.StoreError]) -> None:
        super().__init__(", ".join(kind.__name__ for kind in kinds))
        self.kinds = kinds


@dataclass(eq=False)
class File:
    """Bytes; `shown` of them every new reader must see."""

    data: bytes = b""
    replication: int = 1
    open: bool = False
    shown: int = 0
    # What was set; None: what it is otherwise is not foretold.
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    modified_at_s: float | None = None


@dataclass(eq=False)
class Directory:
    entries: dict[str, "Node"] = field(default_factory=dict)
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    modified_at_s: float | None = None


Node: TypeAlias = File | Directory


def names_of(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


class FileSystemModel:
    """One tree below `/`."""

    def __init__(self) -> None:
        self.root = Directory()
        # What was thrown away, and may still be written by whoever had it open.
        self.trash = Directory()

    # --- looking -----------------------------------------------------------------------

    def find(self, path: str) -> Node | None:
        node: Node | None = self.root
        for name in names_of(path):
            if not isinstance(node, Directory):
                return None
            node = node.entries.get(name)
        return node

    def get(self, path: str) -> Node:
        """A file in the middle of the path: as if nothing were there."""
        node = self.find(path)
        if node is None:
            raise Refused(errors.FileNotFoundException, errors.ParentNotDirectoryException)
        return node

    def file(self, path: str) -> File:
        node = self.get(path)
        if isinstance(node, Directory):
            raise Refused(errors.IsADirectoryException)
        return node

    def closed(self, path: str) -> File:
        file = self.file(path)
        if file.open:
            raise Refused(errors.AlreadyBeingCreatedException)
        return file

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """All below a directory."""
        node = self.find(path)
        if isinstance(node, Directory):
            for name, child in sorted(node.entries.items()):
                yield f"{path}/{name}", child
                yield from self.walk(f"{path}/{name}")

    def listing(self, path: str) -> list[str]:
        """A file lists as itself."""
        node = self.get(path)
        return sorted(node.entries) if isinstance(node, Directory) else [names_of(path)[-1]]

    def summary(self, path: str) -> tuple[int, int]:
        """Directories, with the one at the path, and files."""
        nodes = [self.get(path), *(node for _, node in self.walk(path))]
        directories = sum(isinstance(node, Directory) for node in nodes)
        return directories, len(nodes) - directories

    def bytes_of(self, path: str) -> tuple[int, int] | None:
        """Of all files there, and times their replication; None while one of them is written."""
        nodes = [self.find(path), *(node for _, node in self.walk(path))]
        files = [node for node in nodes if isinstance(node, File)]
        if any(file.open for file in files):
            return None
        sizes = [(len(file.data), len(file.data) * file.replication) for file in files]
        return sum(size for size, _ in sizes), sum(size for _, size in sizes)

    def open_files(self) -> list[str]:
        return [path for path, node in self.walk() if isinstance(node, File) and node.open]

    def parent_of(self, path: str, *, make: bool) -> Directory:
        """Raises Refused: a file is in the way, or nothing is there and may not be made."""
        node = self.root
        for name in names_of(path)[:-1]:
            child = node.entries.get(name)
            if isinstance(child, File):
                raise Refused(errors.ParentNotDirectoryException)
            if child is None:
                if not make:
                    raise Refused(errors.FileNotFoundException, errors.ParentNotDirectoryException)
                child = node.entries[name] = Directory()
                node.modified_at_s = None
            node = child
        return node

    def _put(self, path: str, node: Node, *, make: bool) -> None:
        """Into its directory, whose time of change isn't the one that was set any more."""
        parent = self.parent_of(path, make=make)
        parent.entries[names_of(path)[-1]] = node
        parent.modified_at_s = None

    # --- changing ----------------------------------------------------------------------

    def mkdir(self, path: str, parents: bool) -> None:
        node = self.find(path)
        if isinstance(node, Directory) and parents:
            return
        if node is not None:
            raise Refused(errors.FileAlreadyExistsException)
        self._put(path, Directory(), make=parents)

    def create(self, path: str, overwrite: bool, replication: int) -> File:
        """Open for writing. An overwritten file's writer finds it gone."""
        node = self.find(path)
        if isinstance(node, Directory):
            raise Refused(errors.FileAlreadyExistsException, errors.IsADirectoryException)
        if node is not None and not overwrite:
            raise Refused(errors.FileAlreadyExistsException, errors.AlreadyBeingCreatedException)
        file = File(replication=replication, open=True)
        self._put(path, file, make=True)
        return file

    def put(self, path: str, data: bytes, overwrite: bool) -> None:
        """Whole, at once."""
        file = self.create(path, overwrite, 1)
        file.data, file.open = data, False

    def append(self, path: str) -> File:
        file = self.closed(path)
        file.open, file.shown = True, len(file.data)
        file.modified_at_s = None
        return file

    def truncate(self, path: str, length: int) -> None:
        file = self.closed(path)
        if length > len(file.data):
            raise Refused(errors.InvalidRequestException)
        file.data = file.data[:length]
        file.modified_at_s = None

    def concat(self, target: str, sources: list[str]) -> None:
        """The sources are gone; each must be another closed file."""
        wrong = self._kinds_refused([target, *sources])
        whole, *parts = [self.find(path) for path in (target, *sources)]
        if not parts or len({id(node) for node in (whole, *parts)}) <= len(parts):
            wrong.append(errors.InvalidRequestException)
        if wrong:
            raise Refused(*wrong)
        whole.modified_at_s = None
        for part in parts:
            whole.data += part.data
        for source in sources:
            self._take(source)

    def _kinds_refused(self, paths: list[str]) -> list[type[errors.StoreError]]:
        """Which of several wrong things is told first is nobody's promise."""
        kinds = []
        for path in paths:
            try:
                self.closed(path)
            except Refused as refusal:
                kinds += refusal.kinds
        return kinds

    def rename(self, source: str, target: str, overwrite: bool) -> None:
        """FileContext.rename: the target is the new name, never a directory to go into."""
        moving = self.get(source)
        standing = self.find(target)
        if standing is moving:
            # HDFS refuses a directory's and allows a file's: we allow both, nothing changes.
            return
        if target.startswith(source + "/"):
            raise Refused(
                errors.InvalidPathException,
                errors.FileNotFoundException,
                errors.ParentNotDirectoryException,
                errors.FileAlreadyExistsException,
            )
        self.parent_of(target, make=False)
        if standing is not None:
            self._check_replaceable(standing, moving, overwrite)
        self._put(target, self._take(source), make=False)

    @staticmethod
    def _check_replaceable(standing: Node, moving: Node, overwrite: bool) -> None:
        if not overwrite:
            raise Refused(errors.FileAlreadyExistsException)
        if isinstance(standing, Directory) and isinstance(moving, File):
            raise Refused(errors.IsADirectoryException)
        if isinstance(standing, File) and isinstance(moving, Directory):
            raise Refused(errors.ParentNotDirectoryException)
        if isinstance(standing, Directory) and standing.entries:
            raise Refused(errors.PathIsNotEmptyDirectoryException)

    def delete(self, path: str, recursive: bool, skip_trash: bool) -> bool:
        node = self.find(path)
        if node is None:
            return False
        if isinstance(node, Directory) and node.entries and not recursive:
            raise Refused(errors.PathIsNotEmptyDirectoryException)
        self._take(path)
        if not skip_trash:
            self.trash.entries[str(len(self.trash.entries))] = node
        return True

    def set_replication(self, path: str, replication: int) -> None:
        self.file(path).replication = replication

    def chmod(self, path: str, mode: int) -> None:
        self.get(path).mode = mode

    def chown(self, path: str, owner: str, group: str) -> None:
        node = self.get(path)
        node.owner, node.group = owner or node.owner, group or node.group

    def set_times(self, path: str, modified_at_s: float) -> None:
        self.get(path).modified_at_s = modified_at_s

    def expunge(self) -> None:
        self.trash.entries.clear()

    def holds(self, file: File) -> bool:
        """Whether the file still has a name, be it in the trash."""
        return _is_below(file, self.root) or _is_below(file, self.trash)

    def _take(self, path: str) -> Any:
        parent = self.parent_of(path, make=False)
        parent.modified_at_s = None
        return parent.entries.pop(names_of(path)[-1])


def _is_below(file: File, directory: Directory) -> bool:
    return any(
        node is file or (isinstance(node, Directory) and _is_below(file, node))
        for node in directory.entries.values()
    )
