"""Whose a new inode is, and its mode.

Rules
- A new inode belongs to who made it, and to the group of its directory.
- Directories that are made on the way to a file or directory can be entered and written by
  their owner, whatever mode was asked for.
"""

from dataclasses import dataclass
from typing import Final

from blockstore.errors import InvalidRequestException
from blockstore.model import MODE_MAX, Permission
from blockstore.namenode.access import Caller
from blockstore.namenode.namespace import Directory

# For clients that don't say: what a umask of 022 leaves.
FILE_MODE: Final = 0o644
DIRECTORY_MODE: Final = 0o755
_OWNER_WRITES_AND_ENTERS: Final = 0o300


@dataclass(frozen=True, slots=True)
class Modes:
    """What a client wants its new inodes to have; None: the default."""

    # Of the file or directory asked for.
    inode: int | None = None
    # Of missing directories above it.
    above: int | None = None


DEFAULT_MODES: Final = Modes()


def of_new_file(caller: Caller, parent: Directory, modes: Modes) -> Permission:
    mode = FILE_MODE if modes.inode is None else modes.inode
    return Permission(caller.user, parent.permission.group, checked_mode(mode))


def of_new_directory(caller: Caller, parent: Directory, modes: Modes) -> Permission:
    mode = DIRECTORY_MODE if modes.inode is None else modes.inode
    return Permission(caller.user, parent.permission.group, checked_mode(mode))


def of_directory_above(caller: Caller, parent: Directory, modes: Modes) -> Permission:
    mode = DIRECTORY_MODE if modes.above is None else modes.above
    return Permission(
        caller.user, parent.permission.group, checked_mode(mode) | _OWNER_WRITES_AND_ENTERS
    )


def checked_mode(mode: int) -> int:
    """Raises InvalidRequestException."""
    if not 0 <= mode <= MODE_MAX:
        raise InvalidRequestException(f"mode {mode:o} is not in 0..{MODE_MAX:o} (octal)")
    return mode
