"""`-p`: a copied file keeps its times and mode, and its owner and group where that is allowed."""

import contextlib
import grp
import os
import pwd
import shutil
import stat
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from blockstore.errors import AccessControlException

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus

# Hadoop's letters of `cp -p`: times, owner and group, permissions.
KEPT: Final = "top"
# What block store and local files have in common of a mode.
_MODE: Final = 0o777


def keep_from_local(store: "BlockStore", path: str, source: os.stat_result) -> None:
    """Gives a file of the block store the attributes of a local one."""
    _keep(
        store,
        path,
        mode=stat.S_IMODE(source.st_mode) & _MODE,
        times=(source.st_mtime, source.st_atime),
        owner=_name_of(source.st_uid, pwd),
        group=_name_of(source.st_gid, grp),
    )


def keep_from_store(
    store: "BlockStore", path: str, source: "FileStatus", what: Collection[str] = KEPT
) -> None:
    """Gives a file of the block store the attributes of another one."""
    _keep(
        store,
        path,
        mode=source.permission.mode,
        times=(source.modified_at_s, source.accessed_at_s or source.modified_at_s),
        owner=source.permission.owner,
        group=source.permission.group,
        what=what,
    )


def keep_on_local(path: Path, source: "FileStatus") -> None:
    """Gives a local file the attributes of one of the block store."""
    os.utime(path, (source.accessed_at_s or source.modified_at_s, source.modified_at_s))
    path.chmod(source.permission.mode & _MODE)
    # A name that this machine doesn't know, or a user who may give nothing away.
    with contextlib.suppress(LookupError, PermissionError):
        shutil.chown(path, source.permission.owner, source.permission.group)


def _keep(
    store: "BlockStore",
    path: str,
    *,
    mode: int,
    times: tuple[float, float],
    owner: str,
    group: str,
    what: Collection[str] = KEPT,
) -> None:
    if "p" in what:
        store.chmod(path, mode)
    if "t" in what:
        store.set_times(path, *times)
    if "o" in what:
        with contextlib.suppress(AccessControlException):
            store.chown(path, owner, group)


def _name_of(number: int, module: object) -> str:
    """The user's or group's name; the number, if it has none."""
    try:
        if module is pwd:
            return pwd.getpwuid(number).pw_name
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
