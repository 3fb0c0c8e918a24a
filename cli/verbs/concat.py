"""`mapred fs concat`: files joined without moving a byte."""

import click

from ..store import absolute, namenode_option, opened


@click.command()
@click.argument("target", metavar="TARGET")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@namenode_option
def concat(target: str, sources: tuple[str, ...], namenode: str | None) -> int:
    """Add files to the end of TARGET, in order; they are gone then. All or none of them.

    \b
    mapred fs concat /counts/part-00000 /counts/part-00001 /counts/part-00002
    """
    with opened(namenode, target, *sources) as store:
        store.concat(absolute(target), [absolute(source) for source in sources])
    return 0
