"""`mapred fs` commands that write files to stdout: cat, head, text."""

import sys
from typing import Final

import click

from ..complaints import Complaints
from ..foreign import without_checksums
from ..store import each, namenode_option, opened

# What Hadoop's `head` shows.
HEAD_BYTES: Final = 1024


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@without_checksums
@namenode_option
def cat(paths: tuple[str, ...], namenode: str | None) -> int:
    """Write files to stdout.

    \b
    mapred fs cat '/counts/part-*' | sort -k2 -n
    """
    from ..copying import copy

    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for entry in each(store, paths, complaints):
            with complaints.about(entry.path), store.open(entry.path) as file:
                copy(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
    return complaints.code


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@namenode_option
def head(paths: tuple[str, ...], namenode: str | None) -> int:
    """Write the first KiB of files to stdout.

    \b
    mapred fs head /logs/2026/07/01.csv
    """
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for entry in each(store, paths, complaints):
            with complaints.about(entry.path), store.open(entry.path) as file:
                sys.stdout.buffer.write(file.pread(0, HEAD_BYTES))
                sys.stdout.buffer.flush()
    return complaints.code


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@without_checksums
@namenode_option
def text(paths: tuple[str, ...], namenode: str | None) -> int:
    """Write files to stdout as text: what gzip, zstd, bzip2, lz4 or xz packed is unpacked.

    \b
    mapred fs text /logs/2026-07-01.csv.gz | head

    How a file is packed shows in its first bytes, not in its name.
    """
    from ..copying import copy
    from ..unpacking import unpacked

    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for entry in each(store, paths, complaints):
            with complaints.about(entry.path), store.open(entry.path) as file:
                copy(unpacked(file, entry.path), sys.stdout.buffer)
                sys.stdout.buffer.flush()
    return complaints.code
