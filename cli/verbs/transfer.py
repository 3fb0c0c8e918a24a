"""`mapred fs` commands that move bytes: put, get, cat."""

import os
import sys
from pathlib import Path

import click

from ..errors import FAILED, CommandError
from ..store import absolute, expand, namenode_option, opened


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="LOCAL...")
@click.argument("target", metavar="TARGET")
@click.option("-f", "force", is_flag=True, help="Replace files that exist.")
@click.option("--replication", type=click.IntRange(1, 512), help="Copies of every block.")
@click.option("--block-bytes", type=click.IntRange(1), help="Size of the blocks.")
@namenode_option
def put(
    sources: tuple[str, ...],
    target: str,
    force: bool,
    replication: int | None,
    block_bytes: int | None,
    namenode: str | None,
) -> None:
    """Copy files and directories of this machine into the block store; "-" is stdin.

    \b
    mapred fs put moby.txt /books/moby.txt
    mapred fs put logs/2026 /logs/              (a directory, with everything in it)
    zcat big.gz | mapred fs put - /big.txt

    Missing directories above the target are made. A file appears under its name when it is
    whole.
    """
    from ..copying import Upload
    from ..transferbar import transfer_bar

    for source in sources:
        if source != "-" and not os.path.exists(source):
            raise CommandError(f"{source}: no such file on this machine", FAILED)
    total = None if "-" in sources else sum(_local_bytes(Path(source)) for source in sources)
    with opened(namenode, target) as store, transfer_bar("put", total) as advance:
        upload = Upload(
            store,
            advance,
            force=force,
            replication=replication or 0,
            block_bytes=block_bytes or 0,
        )
        upload.put(list(sources), absolute(target), into_directory=target.endswith("/"))


def _local_bytes(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH...")
@click.argument("target", metavar="LOCAL")
@click.option("-f", "force", is_flag=True, help="Replace files that exist.")
@namenode_option
def get(sources: tuple[str, ...], target: str, force: bool, namenode: str | None) -> None:
    """Copy files and directories of the block store to this machine; "-" is stdout.

    \b
    mapred fs get /counts/part-r-00000 counts.tsv
    mapred fs get /counts .
    """
    from ..copying import STANDARD_STREAM, Download
    from ..transferbar import transfer_bar

    with opened(namenode, *sources) as store:
        found = [entry for source in sources for entry in expand(store, source)]
        total = sum(store.summary(entry.path).bytes for entry in found)
        if target == STANDARD_STREAM:
            Download(store, lambda _: None).get(found, target)
            return
        with transfer_bar("get", total) as advance:
            Download(store, advance, force=force).get(found, target)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@namenode_option
def cat(paths: tuple[str, ...], namenode: str | None) -> None:
    """Write files to stdout.

    \b
    mapred fs cat '/counts/part-*' | sort -k2 -n
    """
    from ..copying import Download

    with opened(namenode, *paths) as store:
        download = Download(store, lambda _: None)
        for path in paths:
            for entry in expand(store, path):
                download.write_to(entry, sys.stdout.buffer)


def _by_another_name(command: click.Command, name: str) -> click.Command:
    words = (command.help or "").replace(f"mapred fs {command.name}", f"mapred fs {name}")
    return click.Command(name, callback=command.callback, params=command.params, help=words)


copy_from_local = _by_another_name(put, "copyFromLocal")
copy_to_local = _by_another_name(get, "copyToLocal")
