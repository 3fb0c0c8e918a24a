"""From what the user typed as inputs to splits.

A word is a file, a directory (its files, without those whose names begin with `_` or `.`),
or a pattern. Directories below directories are entered. What a directory or a pattern
leaves out can still be named itself.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mapred.errors import InputError
from mapred.formats import may_be_combined
from mapred.formats.combining import combined
from mapred.formats.splits import cut, split_bytes_for
from mapred.model import Split
from mapred.storage import storage_for
from mapred.storage.committing import input_refusal
from mapred.storage.patterns import is_pattern
from mapred.storage.port import FileInfo, UnknownLengthError
from mapred.storage.uris import (
    BLOCK_STORE,
    as_typed,
    local_uri,
    name_of,
    path_of,
    qualified,
    scheme_of,
)

_HIDDEN: Final = ("_", ".")


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read."""

    uri: str
    length: int


def input_files(words: Sequence[str], default_filesystem: str) -> list[InputFile]:
    """Every file that the words mean, in their order; a file named twice is read twice.

    Raises:
        InputError: a word that means nothing there.
    """
    if not words:
        raise InputError("no input: name at least one file, directory or pattern")
    return [file for word in words for file in _meant(word, default_filesystem)]


def _meant(word: str, default_filesystem: str) -> list[InputFile]:
    try:
        uri = qualified(word, default_filesystem)
        if refusal := input_refusal(uri):
            raise InputError(f"input '{word}': {refusal}")
        storage = storage_for(uri)
    except ValueError as error:
        raise InputError(f"input '{word}': {error}") from None
    try:
        found = [storage.stat(uri)]
    except UnknownLengthError as error:
        raise InputError(str(error)) from None
    except (FileNotFoundError, NotADirectoryError):
        found = storage.glob(uri) if is_pattern(uri) else []
        if not found:
            raise InputError(missing_input(word, uri)) from None
    files = [file for info in found for file in _files_of(info)]
    if not files:
        raise InputError(
            f"input '{shown(uri)}' has no files to read: it is empty, or all its files' names "
            "begin with '_' or '.'"
        )
    return files


def _files_of(info: FileInfo) -> Iterator[InputFile]:
    if not info.is_directory:
        yield InputFile(info.uri, info.length)
        return
    for entry in storage_for(info.uri).entries(info.uri):
        if not name_of(entry.uri).startswith(_HIDDEN):
            yield from _files_of(entry)


def shown(uri: str) -> str:
    """A URI as messages have it: the block store's without the NameNode, files as paths."""
    if scheme_of(uri) == BLOCK_STORE:
        return f"{BLOCK_STORE}://{path_of(uri)}"
    return as_typed(uri)


def missing_input(word: str, uri: str) -> str:
    """What to tell of a word that means `uri`, where there is nothing."""
    if is_pattern(uri):
        return f"input pattern '{shown(uri)}' matches nothing"
    text = f"input '{shown(uri)}' does not exist"
    if scheme_of(uri) != BLOCK_STORE:
        return f"{text}. Its name was given as '{word}'" if word != as_typed(uri) else text
    if scheme_of(word) or not os.path.exists(word):
        return f"{text}. What there is:  mapred fs ls {os.path.dirname(path_of(uri))}"
    parent = os.path.dirname(path_of(uri)).rstrip("/")
    return (
        f"{text}.\n  A file of that name is on this machine: {local_uri(word)}\n"
        f"  Put it into the block store first:  mapred fs put {word} {parent}/"
    )


@dataclass(frozen=True, slots=True)
class InputPlan:
    """One of a job's inputs: its name ("" where there's just one), format, and words."""

    name: str
    format: str
    words: Sequence[str] = ()
    # Whether columns fold what its mapper yields: splits may be larger then.
    folds: bool = False


def splits_of(
    files: Sequence[InputFile], *, split_bytes: int, input_format: str
) -> tuple[Split, ...]:
    """The files cut into splits, in order, as `splits_of_all` does; none of them combined."""
    return splits_of_all(
        [(files, InputPlan("", input_format))], split_bytes=split_bytes, combine=False
    )


def splits_of_all(
    inputs: Sequence[tuple[Sequence[InputFile], InputPlan]],
    *,
    split_bytes: int,
    combine: bool,
    whole: bool = False,
) -> tuple[Split, ...]:
    """The files of all inputs cut into splits, in order. `split_bytes` 0: as suits the input;
    `whole`: none is cut.

    Empty files have no split, unless there's nothing else: then one, so that the job's
    setup and cleanup run.
    """
    total = sum(file.length for files, _ in inputs for file in files)
    splits: list[Split] = []
    for files, plan in inputs:
        found, sizes = [], []
        wanted = split_bytes or split_bytes_for(total, folds=plan.folds)
        for file in files:
            cuts = list(_cut(file, plan, wanted, whole))
            found += cuts
            sizes += [file.length] * len(cuts)
        if combine and may_be_combined(plan.format):
            found = combined(found, sizes, split_bytes=wanted)
        splits += found
    if splits:
        return tuple(splits)
    files, plan = inputs[0]
    return (Split(files[0].uri, 0, 0, format=plan.format, input=plan.name),)


def _cut(file: InputFile, plan: InputPlan, split_bytes: int, whole: bool) -> Iterator[Split]:
    if not file.length:
        return
    storage = storage_for(file.uri)
    for split in cut(
        file.uri,
        storage,
        split_bytes=split_bytes,
        input_format=plan.format,
        whole=whole,
    ):
        yield replace(split, input=plan.name)
