"""The code archive: a zip of the job's own files, the same bytes for the same files.

Its name is the SHA-256 of its bytes. Paths are relative to the job file's folder; the job
file itself is at the root. Who unpacks it checks the hash and every path.
"""

import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from mapred.errors import InputError, JobDefinitionError

# Zip's epoch: the archive must not know when it was made.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
# It travels to every worker and is held in memory: data belongs into the inputs.
ARCHIVE_BYTES_MAX: Final = 256 * 1024 * 1024


def packed(files: Mapping[str, Path]) -> bytes:
    """A zip of the files and empty folders, by their names in the archive.

    Raises:
        JobDefinitionError: more than ARCHIVE_BYTES_MAX.
    """
    size = sum(path.stat().st_size for path in files.values() if path.is_file())
    if size > ARCHIVE_BYTES_MAX:
        raise JobDefinitionError(
            f"the job's own files have {size:,} bytes, and at most {ARCHIVE_BYTES_MAX:,} travel "
            "with a job. Put large files into the block store and read them from there"
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            if files[name].is_dir():
                archive.writestr(zipfile.ZipInfo(f"{name}/", _EPOCH), b"")
                continue
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _mode(files[name]) << 16
            archive.writestr(entry, files[name].read_bytes())
    return buffer.getvalue()


def _mode(path: Path) -> int:
    """Who may read it is no matter of the archive; a program stays one."""
    return 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unpacked(data: bytes, sha256: str, parent: Path) -> Path:
    """The folder with the archive's files, below `parent`; made once, whoever comes first.

    Raises:
        JobDefinitionError: the bytes don't have this hash, or a path leads out of the folder.
    """
    folder = parent / f"code-{sha256[:32]}"
    if folder.is_dir():
        return folder
    if digest(data) != sha256:
        raise JobDefinitionError(
            f"the code archive's SHA-256 is {digest(data)}, but the job says {sha256}. "
            "Submit the job again"
        )
    unfinished = Path(tempfile.mkdtemp(dir=parent, prefix=".code-"))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                _extract(archive, entry, unfinished)
        os.rename(unfinished, folder)
    except OSError:
        # Another process of this job was faster.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def extracted(archive: Path, target: Path) -> None:
    """Unpacks what a user sends along, a zip or a tar of any compression, into a new folder.

    Raises:
        InputError: it is neither, or a path leads out of the folder.
    """
    import tarfile

    target.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(target)
        else:
            with tarfile.open(archive) as tarred:
                tarred.extractall(target, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
        raise InputError(f"archive {archive} can't be unpacked: {error}") from None


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    name = PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts or not name.parts or "\\" in entry.filename:
        raise JobDefinitionError(
            f"the code archive has a path out of its folder: {entry.filename!r}"
        )
    target = folder.joinpath(*name.parts)
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(archive.read(entry))
    if entry.external_attr >> 16 & stat.S_IXUSR:
        target.chmod(0o755)
