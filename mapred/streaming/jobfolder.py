"""The folder that a streaming job is submitted from: a job file of a few lines, and its files.

-file PATH         under its own name
-files A,B#NAME    under their names or NAME; of any storage
-archives A#NAME   unpacked into a folder of that name
"""

import pprint
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from mapred.archive import extracted
from mapred.errors import InputError
from mapred.owndirs import OwnDirectory
from mapred.storage import storage_for
from mapred.storage.uris import scheme_of
from mapred.streaming.contract import FILES_FOLDER, SETTING
from mapred.streaming.request import Meaning

JOB_FILE: Final = "mapred_streaming_job.py"
JOB_CLASS: Final = "StreamingJob"

_TEXT: Final = '''"""Written by `mapred streaming`."""

from mapred import Format, Job
from mapred.streaming import steps


class {job_class}(Job):
    mapper = steps.{mapper}
    reducer = {reducer}
    partitioner = {partitioner}
    input_format = Format(**{input_format})
    output_format = Format(**{output_format})
    files = ["{files}"]
    settings = {settings}
'''


@contextmanager
def job_folder(
    meaning: Meaning, files: Sequence[str], archives: Sequence[str]
) -> Iterator[tuple[Path, Meaning]]:
    """The job file, for as long as the block lasts, and the meaning with its files.

    Raises:
        InputError: a file that isn't there, or two of one name.
    """
    with OwnDirectory("streaming") as own:
        folder = own.resolve()
        sent = folder / FILES_FOLDER
        sent.mkdir()
        for word in files:
            _placed(word, sent)
        for word in archives:
            _unpacked(word, sent)
        there = tuple(sorted(path.name for path in sent.iterdir()))
        meaning = replace(meaning, contract=replace(meaning.contract, files=there))
        job_file = folder / JOB_FILE
        job_file.write_text(_text(meaning))
        yield job_file, meaning


def _text(meaning: Meaning) -> str:
    contract = meaning.contract
    if not contract.mapper:
        mapper = "RecordsAsTheyAre"
    elif contract.input == "nline" or (contract.input == "text" and contract.with_key):
        mapper = "RecordsToProgram"
    else:
        mapper = "LinesToProgram"
    reducer = "steps.ProgramReduces" if contract.reducer else "steps.PassedOn"
    return _TEXT.format(
        job_class=JOB_CLASS,
        mapper=mapper,
        reducer=None if meaning.reducers == 0 else reducer,
        partitioner="steps.ByKeyFields" if meaning.by_key_fields else None,
        input_format=pprint.pformat(meaning.input_format),
        output_format=pprint.pformat(meaning.output_format),
        files=FILES_FOLDER,
        settings=pprint.pformat({SETTING: contract.to_json()}),
    )


def _placed(word: str, folder: Path) -> None:
    path, name = _parts(word)
    target = _target(folder, name or path.rstrip("/").rpartition("/")[2])
    if _is_local(path):
        local = Path(path.removeprefix("file://"))
        if local.is_dir():
            shutil.copytree(local, target)
        elif local.is_file():
            shutil.copy(local, target)
        else:
            raise InputError(f"there is no file {local} to send along")
        return
    _downloaded(path, target)


def _unpacked(word: str, folder: Path) -> None:
    path, name = _parts(word)
    target = _target(folder, name or path.rpartition("/")[2])
    with tempfile.NamedTemporaryFile() as copy:
        local = Path(path.removeprefix("file://"))
        if not _is_local(path):
            local = Path(copy.name)
            _downloaded(path, local)
        if not local.is_file():
            raise InputError(f"there is no archive {local} to send along")
        extracted(local, target)


def _parts(word: str) -> tuple[str, str]:
    path, _, name = word.partition("#")
    if "/" in name:
        raise InputError(f"'{word}': the name after # can't have a slash")
    return path, name


def _target(folder: Path, name: str) -> Path:
    target = folder / name
    if not name or name in (".", "..") or target.exists():
        raise InputError(
            f"two files of the job are called '{name}', or it's no name. Give one another:  "
            "-files PATH#NAME"
        )
    return target


def _is_local(path: str) -> bool:
    return "://" not in path or scheme_of(path) == "file"


def _downloaded(uri: str, target: Path) -> None:
    try:
        with storage_for(uri).open_read(uri) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"there is no {uri} to send along: {error}") from None
