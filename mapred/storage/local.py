"""file:// — this machine's files. A written file appears under its name on commit, by rename."""

import os
import shutil
import uuid
from pathlib import Path
from typing import BinaryIO

from mapred.storage.patterns import expand
from mapred.storage.port import Extent, FileInfo, OutputFile
from mapred.storage.uris import LOCAL, path_of


class LocalStorage:
    """Storage over `os`."""

    def open_read(self, uri: str) -> BinaryIO:
        return open(_path(uri), "rb")

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        path = _path(uri)
        if not overwrite and path.exists():
            raise FileExistsError(f"{uri} exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        return _LocalOutput(path)

    def stat(self, uri: str) -> FileInfo:
        return _info(_path(uri))

    def entries(self, uri: str) -> list[FileInfo]:
        return [_info(path) for path in sorted(_path(uri).iterdir())]

    def glob(self, pattern: str) -> list[FileInfo]:
        return expand(pattern, entries=self.entries, stat=self.stat)

    def mkdirs(self, uri: str) -> None:
        _path(uri).mkdir(parents=True, exist_ok=True)

    def rename(self, source: str, target: str) -> None:
        os.replace(_path(source), _path(target))

    def delete(self, uri: str) -> bool:
        path = _path(uri)
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            return False
        return True

    def extents(self, uri: str) -> list[Extent]:
        return [Extent(0, self.stat(uri).length, ())]

    def __repr__(self) -> str:
        return "LocalStorage()"


def _path(uri: str) -> Path:
    return Path(path_of(uri))


def _info(path: Path) -> FileInfo:
    is_directory = path.is_dir()
    # A dangling link is an entry of its directory, without bytes.
    length = 0 if is_directory else path.stat(follow_symlinks=path.exists()).st_size
    return FileInfo(f"{LOCAL}://{path}", is_directory, length)


class _LocalOutput:
    """Bytes go to a hidden name beside the wanted one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
        self._file = open(self._hidden, "xb")  # noqa: SIM115

    def write(self, data: bytes | bytearray | memoryview) -> int:
        return self._file.write(data)

    def commit(self) -> None:
        self._file.close()
        os.replace(self._hidden, self._path)

    def discard(self) -> None:
        self._file.close()
        self._hidden.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"LocalOutput({self._path})"
