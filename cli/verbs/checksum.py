"""`mapred fs checksum`: what files contain, in a few characters, without reading them."""

import click

from ..complaints import Complaints
from ..errors import CommandError
from ..store import each, namenode_option, opened


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-v", "with_blocks", is_flag=True, help="With the size of the blocks, bytes.")
@namenode_option
def checksum(paths: tuple[str, ...], with_blocks: bool, namenode: str | None) -> int:
    """Show the CRC32C of files; equal contents have equal ones, whatever their block sizes.

    \b
    mapred fs checksum '/backup/*.csv'

    No data moves: the nodes have the checksums of their blocks.
    """
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for entry in each(store, paths, complaints):
            with complaints.about(entry.path):
                if entry.is_directory:
                    raise CommandError("is a directory; name files")
                size = f"\tBlockSize={entry.block_bytes}" if with_blocks else ""
                click.echo(f"{entry.path}\t{store.checksum(entry.path)}{size}")
    return complaints.code
