"""Where a job's output can go: only where a file is put into place at once.

A task writes its files under _temporary, and the JobTracker renames each into the output
directory. So what is asked of a file system is that a rename of one file shows it whole under
the new name or not at all, in place of a file that was there.

    file, bs, local, hdfs   rename is atomic
    sftp, ssh               posix rename is atomic
    s3, s3a, gs, gcs,       a copy to the new name, then the old one is removed; an object shows
    abfs, abfss, az         whole or not at all

Others are refused: read-only ones (http), those that show files while they are written (ftp),
and those that one process has for itself (memory).
"""

from typing import Final

from mapred.storage.port import Storage
from mapred.storage.uris import chain_of, join, scheme_of

# Below an output directory, as long as it is unfinished.
TEMPORARY: Final = "_temporary"
_RENAMES: Final = frozenset({"file", "bs", "local", "hdfs", "sftp", "ssh"})
_OBJECTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
_ONE_PROCESS: Final = "memory"
_READ_ONLY: Final = frozenset({"http", "https", "data"})


def is_there(storage: Storage, uri: str) -> bool:
    try:
        storage.stat(uri)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def standing(storage: Storage, uri: str) -> str:
    """In which state an output directory is that stands in a job's way, for its refusal."""
    if is_there(storage, join(uri, TEMPORARY)):
        return "is unfinished: another job writes it, or was killed"
    return "exists"


def output_refusal(uri: str) -> str:
    """Why nothing can be committed there; "" if it can."""
    scheme = scheme_of(uri)
    if scheme in _RENAMES | _OBJECTS:
        return ""
    if why := input_refusal(uri):
        return why
    reason = "can only be read" if scheme in _READ_ONLY else "isn't known to rename files at once"
    return (
        f"{scheme}:// {reason}, so half-written output could be taken for whole. "
        "Write to another file system, and copy from there"
    )


def has_folders(uri: str) -> bool:
    """Whether an empty folder is there for others to see."""
    return scheme_of(uri) in _RENAMES


def input_refusal(uri: str) -> str:
    """Why tasks can't read there; "" if they can."""
    links = chain_of(uri).split("::")
    if _ONE_PROCESS in map(scheme_of, [uri, *links]):
        return f"{_ONE_PROCESS}:// is one process's own, and tasks run in others"
    return ""
