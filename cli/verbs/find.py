"""`mapred fs find`: files below paths that meet conditions."""

import sys
from collections.abc import Callable

import click

from blockstore.model import FileStatus

from ..complaints import Complaints
from ..globbing import alternatives, name_pattern
from ..store import each, namenode_option, opened, walk


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("-name", "name", metavar="GLOB", help="The last name matches.")
@click.option("-iname", "iname", metavar="GLOB", help="The same, upper case as lower case.")
@click.option("-type", "kind", type=click.Choice(["f", "d"]), help="Files, or directories.")
@click.option("-print", "end", flag_value="\n", help="A line for each [default].")
@click.option("-print0", "end", flag_value="\0", help="A NUL after each, for xargs -0.")
@namenode_option
def find(
    paths: tuple[str, ...],
    name: str | None,
    iname: str | None,
    kind: str | None,
    end: str | None,
    namenode: str | None,
) -> int:
    """Show the paths of what meets all conditions, with what is below.

    \b
    mapred fs find /logs -name '*.gz' -type f
    """
    conditions: list[Callable[[FileStatus], bool]] = []
    if name is not None:
        matches = _matcher(name)
        conditions.append(lambda entry: matches(entry.name))
    if iname is not None:
        matches_lower = _matcher(iname.lower())
        conditions.append(lambda entry: matches_lower(entry.name.lower()))
    if kind is not None:
        conditions.append(lambda entry: entry.is_directory == (kind == "d"))
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for top in each(store, paths or ("/",), complaints):
            with complaints.about(top.path):
                for entry in walk(store, top):
                    if all(condition(entry) for condition in conditions):
                        sys.stdout.write(entry.path + (end or "\n"))
    return complaints.code


def _matcher(glob: str) -> Callable[[str], bool]:
    patterns = [name_pattern(plain) for plain in alternatives(glob)]
    return lambda name: any(pattern.fullmatch(name) for pattern in patterns)
