"""`mapred fs` commands that change names: mkdir, mv, rm, expunge, rmdir, touchz."""

from typing import TYPE_CHECKING, Final

import click

from ..complaints import Complaints
from ..errors import REFUSED, CommandError
from ..store import SCHEME, absolute, each, expand, is_uri, namenode_option, opened, status_or_none

if TYPE_CHECKING:
    from blockstore import BlockStore

# `rm -safely` asks before more files than these go; Hadoop's number.
SAFE_FILES: Final = 100


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-p", "parents", is_flag=True, help="Also those above; no error if it exists.")
@namenode_option
def mkdir(paths: tuple[str, ...], parents: bool, namenode: str | None) -> int:
    """Make directories.

    \b
    mapred fs mkdir -p /logs/2026
    """
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for path in paths:
            with complaints.about(absolute(path)):
                store.mkdir(absolute(path), parents=parents)
    return complaints.code


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("target", metavar="TARGET")
@namenode_option
def mv(sources: tuple[str, ...], target: str, namenode: str | None) -> int:
    """Rename files and directories, or move them into a directory.

    \b
    mapred fs mv /counts /counts-2026
    """
    complaints = Complaints()
    with opened(namenode, *sources, target) as store:
        place = absolute(target)
        there = status_or_none(store, place)
        inside = there is not None and there.is_directory
        found = list(each(store, sources, complaints))
        if (len(found) > 1 or target.endswith("/")) and not inside:
            raise CommandError(f"'{place}': no directory; make it first:  mapred fs mkdir {place}")
        for entry in found:
            with complaints.about(entry.path):
                store.rename(entry.path, f"{place.rstrip('/')}/{entry.name}" if inside else place)
    return complaints.code


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "-R", "recursive", is_flag=True, help="Directories, with all in them.")
@click.option("-f", "force", is_flag=True, help="No error when there is nothing to remove.")
@click.option(
    "--skip-trash", "-skipTrash", "skip_trash", is_flag=True, help="Gone for good, at once."
)
@click.option(
    "-safely", "--safely", "safely", is_flag=True, help=f"Ask before over {SAFE_FILES} files go."
)
@namenode_option
def rm(
    paths: tuple[str, ...],
    recursive: bool,
    force: bool,
    skip_trash: bool,
    safely: bool,
    namenode: str | None,
) -> int:
    """Remove files, and directories with -r. They lie in your trash for a while (a day, if the
    cluster says nothing else): /.Trash/USER/Current, from where mv brings them back.

    \b
    mapred fs rm -r /counts
    mapred fs rm -r --skip-trash /scratch
    """
    from blockstore.errors import FileNotFoundException

    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for path in paths:
            with complaints.about(absolute(path)):
                try:
                    found = expand(store, path)
                except (FileNotFoundException, CommandError):
                    if force:
                        continue
                    raise
                for entry in found:
                    with complaints.about(entry.path):
                        if entry.is_directory and not recursive:
                            raise CommandError("is a directory; rm -r removes it with all in it")
                        if safely and entry.is_directory:
                            _confirm(store, entry.path)
                        removal = store.remove(entry.path, recursive, skip_trash)
                        if removal.trash_path:
                            click.echo(f"'{entry.path}': moved to '{removal.trash_path}'")
    return complaints.code


def _confirm(store: "BlockStore", path: str) -> None:
    """Raises CommandError when somebody, or nobody, says no."""
    files = store.summary(path).files
    if files <= SAFE_FILES:
        return
    try:
        yes = click.confirm(f"'{path}': {files} files go. Remove them?", err=True)
    except click.Abort:
        yes = False
    if not yes:
        raise CommandError(f"kept, with its {files} files; without -safely nobody asks")


@click.command()
@click.option("-immediate", "--immediate", "immediate", is_flag=True, help="All, not what is due.")
@click.option("-fs", "other", metavar="bs://HOST:PORT", help="Your trash in that store.")
@namenode_option
def expunge(immediate: bool, other: str | None, namenode: str | None) -> None:
    """Remove for good what has lain in your trash long enough.

    \b
    mapred fs expunge --immediate
    """
    if other is not None and not is_uri(other):
        raise CommandError(f"-fs {other}: no block store; write -fs {SCHEME}HOST:PORT", REFUSED)
    with opened(namenode, *([other] if other else [])) as store:
        store.expunge(immediate)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--ignore-fail-on-non-empty", "lenient", is_flag=True, help="Keep what has entries.")
@namenode_option
def rmdir(paths: tuple[str, ...], lenient: bool, namenode: str | None) -> int:
    """Remove empty directories.

    \b
    mapred fs rmdir /books/english
    """
    from blockstore.errors import PathIsNotEmptyDirectoryException

    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for entry in each(store, paths, complaints):
            with complaints.about(entry.path):
                if not entry.is_directory:
                    raise CommandError("is no directory; rm removes files")
                try:
                    store.delete(entry.path, skip_trash=True)
                except PathIsNotEmptyDirectoryException:
                    if not lenient:
                        raise
    return complaints.code


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@namenode_option
def touchz(paths: tuple[str, ...], namenode: str | None) -> int:
    """Make files of no bytes; one that exists must have none.

    \b
    mapred fs touchz /counts/_DONE
    """
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for path in map(absolute, paths):
            with complaints.about(path):
                there = status_or_none(store, path)
                if there is not None and (there.is_directory or there.length):
                    raise CommandError("is no empty file; take another name, or rm it first")
                store.put_many([(path, b"")])
    return complaints.code
