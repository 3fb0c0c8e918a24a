"""`mapred cluster`: up, status, down."""

import time
from collections.abc import Iterator

import click
import msgspec

from . import clusterfile
from .clusterfile import ClusterFile, Member, Shape
from .errors import CommandError
from .localcluster import LocalCluster

ROLES = ("namenode", "datanode", "jobtracker", "tasktracker")

directory_option = click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where the cluster keeps its data, logs and pids "
    "[default: of the last `up`, else ~/.local/state/mapred/cluster].",
)


@click.group()
def cluster() -> None:
    """A cluster on this machine, each server a process of its own.

    \b
    mapred cluster up --datanodes 3 --tasktrackers 3
    mapred fs ls /                   (finds the cluster by itself)
    mapred cluster down              (the data stays for the next `up`)
    """


def _settings(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        role, _dot, setting = word.partition(".")
        if role not in ROLES or "=" not in setting:
            raise click.BadParameter(
                f"'{word}': write ROLE.name=value, such as namenode.block_bytes=4194304; "
                f"the roles are {', '.join(ROLES)}"
            )
    return words


@cluster.command()
@click.option("--datanodes", type=click.IntRange(1, 100), help="How many [default: 3].")
@click.option("--tasktrackers", type=click.IntRange(1, 100), help="How many [default: 3].")
@click.option(
    "--slots", type=click.IntRange(1, 1000), help="Tasks at once per TaskTracker [default: 2]."
)
@click.option("--namenode-port", type=click.IntRange(1, 65535), help="[default: 8020 if free]")
@click.option("--jobtracker-port", type=click.IntRange(1, 65535), help="[default: 8021 if free]")
@click.option(
    "--conf",
    "settings",
    metavar="ROLE.NAME=VALUE",
    multiple=True,
    callback=_settings,
    help="A setting of every daemon of a role; may be repeated.",
)
@directory_option
def up(directory: str | None, **options: object) -> None:
    """Start a cluster, or what is missing of it.

    \b
    mapred cluster up
    mapred cluster up --dir /tmp/try --datanodes 2 --tasktrackers 2 --slots 1
    mapred cluster up --conf namenode.block_bytes=4194304

    Data of an earlier `up` in the same directory is used again, and so are its options where
    none are given. On a machine with other users set MAPRED_SECRET for this and for all later
    commands: without it anybody here can read the files and run jobs as you.
    """
    started_s = time.monotonic()
    home = clusterfile.directory(directory)
    before = clusterfile.read(home)
    asked = {name: value for name, value in options.items() if value not in (None, ())}
    shape = msgspec.structs.replace(before.shape if before else Shape(), **asked)
    if before and before.alive:
        _refuse_other_shape(before, asked)
    running_before = {member.name for member in before.alive} if before else set()
    local = LocalCluster(home, click.echo)
    state = local.up(shape)
    if len(state.members) == len(running_before):
        click.echo(f"The cluster in {home} is running already:")
        _show(state)
        return
    if local.waiting:
        for line in _waiting_lines(state, local.waiting):
            click.echo(line)
        return
    click.echo(f"The cluster in {home} is up ({time.monotonic() - started_s:.1f} s). Next:")
    click.echo("  mapred fs put FILE /FILE          mapred submit JOB.py /FILE -o /OUT")
    click.echo("  mapred cluster status             mapred cluster down")


def _waiting_lines(state: ClusterFile, waiting: dict[str, str]) -> Iterator[str]:
    """What keeps a cluster from all but reading, and what there is to do."""
    from blockstore import BlockStore
    from blockstore.errors import StoreError

    from .admin_commands.safemode import why_lines

    yield f"The cluster in {state.directory} is up, but not all of it can work yet:"
    jobtracker = waiting.get("jobtracker")
    for name, what in waiting.items():
        if jobtracker and name != "jobtracker":
            # It has only the JobTracker's word for it.
            what = "the jobtracker"
        yield f"  {name} waits for {what}"
    namenode = state.member("namenode")
    assert namenode is not None
    try:
        with BlockStore(namenode.address) as store:
            why = store.admin.why_safe_mode()
    except StoreError as error:
        yield f"What the block store says of it: {error}"
        return
    if not why.mode.on:
        return
    yield from why_lines(why)
    yield "What is there can be read; changes and jobs wait, and go on by themselves. If what is"
    yield "missing can't be brought back:  mapred admin safemode leave"


def _refuse_other_shape(before: ClusterFile, asked: dict[str, object]) -> None:
    for name, value in asked.items():
        present = getattr(before.shape, name)
        if present != value:
            raise CommandError(
                f"the cluster in {before.directory} runs with {name} = {present}, not {value}. "
                "End it first:  mapred cluster down",
                code=2,
            )


@cluster.command()
@directory_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def status(directory: str | None, as_json: bool) -> None:
    """Show every process of the cluster; exit code 1 when one is missing.

    \b
    mapred cluster status
    """
    home = clusterfile.directory(directory)
    state = clusterfile.read(home)
    if state is None or not state.members:
        raise CommandError(f"no cluster runs in {home}.\n  Start one:  mapred cluster up", code=1)
    if as_json:
        click.echo(_json(state))
    else:
        click.echo(f"The cluster in {home}:")
        _show(state)
    dead = [member.name for member in state.members if not member.alive]
    if dead:
        raise CommandError(
            f"{', '.join(dead)} {'is' if len(dead) == 1 else 'are'} dead.\n"
            f"  Why:            tail {home}/{dead[0]}.log\n"
            "  Start it again: mapred cluster up"
        )


def _show(state: ClusterFile) -> None:
    for member in state.members:
        click.echo(f"  {member.name:<14} {member.address:<21} {_condition(member)}")


def _condition(member: Member) -> str:
    if not member.alive:
        return f"dead (was pid {member.pid})"
    up_s = int(time.time() - member.started_at_s)
    return f"pid {member.pid}, up {up_s // 3600}:{up_s // 60 % 60:02}:{up_s % 60:02}"


def _json(state: ClusterFile) -> str:
    members = [
        {**msgspec.structs.asdict(member), "alive": member.alive} for member in state.members
    ]
    return msgspec.json.encode({"directory": state.directory, "members": members}).decode()


@cluster.command()
@directory_option
def down(directory: str | None) -> None:
    """End the cluster; its data stays.

    \b
    mapred cluster down
    """
    home = clusterfile.directory(directory)
    ended, killed = LocalCluster(home, click.echo).down()
    if not ended:
        click.echo(f"No cluster runs in {home}.")
        return
    click.echo(f"Ended {ended} processes of the cluster in {home}. Its data stays.")
    if killed:
        click.echo(f"{', '.join(killed)} didn't end on SIGTERM and had to be killed.", err=True)
