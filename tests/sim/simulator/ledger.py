"""What simulated users may rely on: the other side of every acknowledgement.

A path's expectation is taken away before a request that may change it goes out, and set again
when the answer has come; so only what was acknowledged is ever expected.
"""

from dataclasses import dataclass, field

from blockstore.model import Block
from simulator.writer import Written


@dataclass(slots=True)
class Promise:
    """A closed file: every byte of it must stay."""

    file: Written
    blocks: tuple[Block, ...]

    def content_of(self, index: int) -> bytes:
        start = sum(block.length for block in self.blocks[:index])
        return self.file.content[start : start + self.blocks[index].length]


@dataclass(slots=True)
class Ledger:
    """By path, inode and block."""

    # Inode id, or None: nothing is there.
    paths: dict[str, int | None] = field(default_factory=dict)
    promises: dict[int, Promise] = field(default_factory=dict)
    # Every file that was ever created, with what its writer knows.
    written: dict[int, Written] = field(default_factory=dict)
    # Block id → (inode id, index) of promised blocks.
    blocks: dict[int, tuple[int, int]] = field(default_factory=dict)
    # Rises with every change.
    version: int = 0
    generation_told: int = 0
    # Nodes whose machine lost power, and how often.
    power_losses: dict[str, int] = field(default_factory=dict)

    def doubt(self, *paths: str) -> list[tuple[str, int | None]]:
        """Nothing is known of these paths any more; returns what was."""
        self.version += 1
        return [(path, self.paths.pop(path)) for path in paths if path in self.paths]

    def restore(self, known: list[tuple[str, int | None]]) -> None:
        """The request was refused: what was known is so still."""
        self.version += 1
        self.paths.update(known)

    def stands(self, path: str, inode_id: int | None) -> None:
        self.version += 1
        self.paths[path] = inode_id

    def created(self, file: Written) -> None:
        self.written[file.inode_id] = file

    def closed(self, file: Written) -> None:
        self.version += 1
        self.promises[file.inode_id] = Promise(file, tuple(file.blocks))
        for index, block in enumerate(file.blocks):
            self.blocks[block.id] = (file.inode_id, index)

    def reopened(self, inode_id: int, content: bytes, kept: int) -> Written:
        """Its user changes a closed file, so that it has this content if all goes well; the
        first `kept` bytes stay, whatever happens.
        """
        old = self.promises[inode_id]
        self.released(inode_id)
        path = next(path for path, found in self.paths.items() if found == inode_id)
        file = Written(
            path,
            inode_id,
            content,
            old.file.replication,
            block_start=sum(block.length for block in old.blocks[:-1]),
            blocks=list(old.blocks),
            acknowledged=kept,
            synced=kept,
        )
        self.created(file)
        return file

    def released(self, inode_id: int | None) -> None:
        """Its user wants it gone: nothing is promised of it any more."""
        promise = self.promises.pop(inode_id, None) if inode_id is not None else None
        if promise is not None:
            for block in promise.blocks:
                del self.blocks[block.id]
