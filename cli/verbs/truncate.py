"""`mapred fs truncate`: files made shorter."""

from typing import Final

import click

from ..complaints import Complaints
from ..errors import CommandError
from ..store import each, namenode_option, opened

# How long `truncate -w` waits for the nodes that cut a block.
CUT_DEADLINE_S: Final = 300.0


@click.command()
@click.argument("length", type=click.IntRange(0), metavar="BYTES")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-w", "wait", is_flag=True, help="Wait until the files can be written again.")
@namenode_option
def truncate(length: int, paths: tuple[str, ...], wait: bool, namenode: str | None) -> int:
    """Cut files to a length; none may be shorter already.

    \b
    mapred fs truncate -w 1000000 /logs/today

    Readers see the new length at once. A cut within a block takes its nodes some moments;
    until then nobody can write the file, and -w waits for that.
    """
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for entry in each(store, paths, complaints):
            with complaints.about(entry.path):
                done = store.truncate(entry.path, length, CUT_DEADLINE_S if wait else 0.0)
                if wait and not done:
                    raise CommandError(
                        f"isn't cut after {CUT_DEADLINE_S:.0f} s; see why:  "
                        f"mapred fs lease list {entry.path}"
                    )
    return complaints.code
