"""`mapred web`: the status site of a cluster, in the foreground."""

import click

from . import addresses
from .addresses import JOBTRACKER, NAMENODE, jobtracker_option, namenode_option

WEB_PORT = 8088


@click.command()
@jobtracker_option
@namenode_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=WEB_PORT,
    show_default=True,
    help="The port to listen on; 0: a free one, told in the ready line.",
)
@click.option(
    "--insecure", is_flag=True, help="Listen beyond this machine: the pages have no lock."
)
def web(jobtracker: str | None, namenode: str | None, host: str, port: int, insecure: bool) -> int:
    """Show the cluster in a browser: machines, jobs, failures, counters, Prometheus figures.

    \b
    mapred web
    mapred web --jobtracker 10.0.0.1:8021 --namenode 10.0.0.1:8020 --port 9000

    Nothing can be changed from there. It works while a master is down, and says so.
    """
    store = addresses.find_or_default(NAMENODE, namenode)
    tracker = addresses.find_or_default(JOBTRACKER, jobtracker)
    addresses.announce(tracker, store)

    from mapred.web import daemon

    return daemon.run(str(store), str(tracker), host, port, insecure=insecure)
