"""`mapred fs` commands between this machine and the block store: put, get and their kin."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from ..complaints import tell
from ..copying import AHEAD_MAX, STANDARD_STREAM, THREADS_DEFAULT, THREADS_MAX, Tally
from ..crew import AHEAD_DEFAULT
from ..errors import FAILED, REFUSED, CommandError
from ..foreign import with_checksum_files, without_checksums
from ..store import absolute, each, namenode_option, opened

force_option: Final = click.option("-f", "force", is_flag=True, help="Replace files that exist.")
resume_option: Final = click.option(
    "--resume",
    is_flag=True,
    help="Go on where an interrupted copy stopped, also in the directory that it made.",
)
preserve_option: Final = click.option(
    "-p", "preserve", is_flag=True, help="Keep times and mode, and owner if allowed."
)
threads_option: Final = click.option(
    "-t",
    "threads",
    type=click.IntRange(1, THREADS_MAX),
    default=THREADS_DEFAULT,
    show_default=True,
    help="Files copied at a time.",
)
ahead_option: Final = click.option(
    "-q",
    "ahead",
    type=click.IntRange(1, AHEAD_MAX),
    default=AHEAD_DEFAULT,
    show_default=True,
    help="Files listed before a thread is free.",
)


def _upload_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        namenode_option,
        click.option("--block-bytes", type=click.IntRange(1), help="Size of the blocks."),
        click.option("--replication", type=click.IntRange(1, 512), help="Copies of every block."),
        ahead_option,
        threads_option,
        click.option(
            "-l", "single", is_flag=True, help="One copy of every block, as --replication 1."
        ),
        click.option("-d", "direct", is_flag=True, help="No name ._COPYING_ while it is copied."),
        preserve_option,
        resume_option,
        force_option,
        click.argument("target", metavar="TARGET"),
        click.argument("sources", nargs=-1, required=True, metavar="LOCAL..."),
    ):
        command = option(command)
    return command


@click.command()
@_upload_options
def put(sources: tuple[str, ...], target: str, namenode: str | None, **options: Any) -> int:
    """Copy files and directories of this machine into the block store; "-" is stdin.

    \b
    mapred fs put moby.txt /books/moby.txt
    mapred fs put logs/2026 /logs/              (a directory, with everything in it)
    zcat big.gz | mapred fs put - /big.txt

    Missing directories above the target are made. A file appears under its name when it is
    whole. What can't be read is told, the rest is copied.
    """
    return _put("put", sources, target, namenode, **options)


@click.command("moveFromLocal")
@_upload_options
def move_from_local(
    sources: tuple[str, ...], target: str, namenode: str | None, **options: Any
) -> int:
    """Copy files and directories of this machine, and remove each here when it is there.

    \b
    mapred fs moveFromLocal logs/2026 /logs/
    """
    return _put("moveFromLocal", sources, target, namenode, remove_source=True, **options)


def _put(
    verb: str, sources: tuple[str, ...], target: str, namenode: str | None, **options: Any
) -> int:
    from ..transferbar import transfer_bar
    from ..upload import Upload

    if options.pop("single"):
        if options["replication"] not in (None, 1):
            raise CommandError("-l is --replication 1; give one of the two", REFUSED)
        options["replication"] = 1
    if options["direct"] and options["resume"]:
        raise CommandError("--resume goes on in PATH._COPYING_, which -d does without", REFUSED)
    for source in sources:
        if source != STANDARD_STREAM and not os.path.exists(source):
            raise CommandError(f"'{source}': no such file on this machine", FAILED)
    total = None if STANDARD_STREAM in sources else lambda: sum(map(_local_bytes, sources))
    with opened(namenode, target) as store, transfer_bar(verb, total) as advance:
        tally = Tally(advance)
        with _telling_how_to_resume(verb, (*sources, target), tally):
            upload = Upload(store, tally, **options)
            upload.put(list(sources), absolute(target), into_directory=target.endswith("/"))
    return tally.complaints.code


@contextlib.contextmanager
def _telling_how_to_resume(verb: str, paths: tuple[str, ...], tally: Tally) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(file=sys.stderr)
        words = shlex.join(["mapred", "fs", verb, "--resume", *_options_given(), *paths])
        tell("", CommandError(f"stopped; {tally}. Go on:  {words}"))
        raise


def _options_given() -> Iterator[str]:
    """Those that the rest of the copy needs, too."""
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if isinstance(option, click.Option) and given and name not in ("resume", "direct"):
            yield option.opts[0]
            if not option.is_flag:
                yield str(context.params[name])


def _local_bytes(source: str) -> int:
    path = Path(source)
    if not path.is_dir():
        return path.stat().st_size
    total = 0
    for file in path.rglob("*"):
        # What can't be seen now is told when it is its turn.
        with contextlib.suppress(OSError):
            total += file.stat().st_size if file.is_file() else 0
    return total


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH...")
@click.argument("target", metavar="LOCAL")
@force_option
@resume_option
@preserve_option
@threads_option
@ahead_option
@without_checksums
@with_checksum_files
@namenode_option
def get(
    sources: tuple[str, ...],
    target: str,
    force: bool,
    resume: bool,
    preserve: bool,
    threads: int,
    ahead: int,
    namenode: str | None,
) -> int:
    """Copy files and directories of the block store to this machine; "-" is stdout.

    \b
    mapred fs get /counts/part-r-00000 counts.tsv
    mapred fs get /counts .

    A file appears under its name when it is whole, and every byte of it was verified.
    """
    from ..download import Download
    from ..transferbar import transfer_bar

    with opened(namenode, *sources) as store:
        tally = Tally()
        found = list(each(store, sources, tally.complaints))
        bar = transfer_bar("get", lambda: sum(store.summary(entry.path).bytes for entry in found))
        with contextlib.nullcontext() if target == STANDARD_STREAM else bar as advance:
            tally.advance = advance or tally.advance
            with _telling_how_to_resume("get", (*sources, target), tally):
                download = Download(
                    store,
                    tally,
                    force=force,
                    resume=resume,
                    preserve=preserve,
                    threads=threads,
                    ahead=ahead,
                )
                download.get(found, target)
    return tally.complaints.code


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH...")
@click.argument("target", metavar="LOCAL")
@click.option("-nl", "newlines", is_flag=True, help="A newline after each file.")
@click.option("-skip-empty-file", "skip_empty", is_flag=True, help="None after an empty one.")
@force_option
@namenode_option
def getmerge(
    sources: tuple[str, ...],
    target: str,
    newlines: bool,
    skip_empty: bool,
    force: bool,
    namenode: str | None,
) -> int:
    """Copy files, and the files in directories, into one file of this machine.

    \b
    mapred fs getmerge /counts counts.tsv
    """
    from ..download import Download

    tally = Tally()
    with opened(namenode, *sources) as store:
        files = [
            file
            for entry in each(store, sources, tally.complaints)
            for file in (store.list(entry.path) if entry.is_directory else [entry])
            if not file.is_directory and (file.length or not skip_empty)
        ]
        download = Download(store, tally, force=force)
        download.merge(files, target, b"\n" if newlines else b"")
    return tally.complaints.code


def _by_another_name(command: click.Command, name: str) -> click.Command:
    words = (command.help or "").replace(f"mapred fs {command.name}", f"mapred fs {name}")
    return click.Command(name, callback=command.callback, params=command.params, help=words)


copy_from_local = _by_another_name(put, "copyFromLocal")
copy_to_local = _by_another_name(get, "copyToLocal")
