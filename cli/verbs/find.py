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
@click.option("-name", "names", multiple=True, metavar="GLOB", help="The last name matches.")
@click.option(
    "-iname", "inames", multiple=True, metavar="GLOB", help="The same, upper case as lower case."
)
@click.option("-type", "kind", type=click.Choice(["f", "d"]), help="Files, or directories.")
@click.option("-a", "-and", "_and", is_flag=True, help="Between conditions, which must all hold.")
@click.option("-print", "end", flag_value="\n", help="A line for each [default].")
@click.option("-print0", "end", flag_value="\0", help="A NUL after each, for xargs -0.")
@namenode_option
def find(
    paths: tuple[str, ...],
    names: tuple[str, ...],
    inames: tuple[str, ...],
    kind: str | None,
    _and: bool,
    end: str | None,
    namenode: str | None,
) -> int:
    """Show the paths of what meets all conditions, with what is below.

    \b
    mapred fs find /logs -name '*.gz' -type f
    mapred fs find /logs -name 'a*' -and -iname '*.gz' -print0
    """
    conditions = [_named(glob) for glob in names]
    conditions += [_named(glob, any_case=True) for glob in inames]
    if kind is not None:
        conditions.append(lambda entry: entry.is_directory == (kind == "d"))
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for top in each(store, paths or ("/",), complaints):
            for entry in walk(store, top, complaints):
                if all(condition(entry) for condition in conditions):
                    sys.stdout.write(entry.path + (end or "\n"))
    return complaints.code


def _named(glob: str, *, any_case: bool = False) -> Callable[[FileStatus], bool]:
    patterns = [name_pattern(plain) for plain in alternatives(glob.lower() if any_case else glob)]

    def condition(entry: FileStatus) -> bool:
        name = entry.name.lower() if any_case else entry.name
        return any(pattern.fullmatch(name) for pattern in patterns)

    return condition
