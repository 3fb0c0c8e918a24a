"""python -m benchmarks.speed [CONTEST...]: the data plane against its peers.

    python -m benchmarks.speed                    all, full size: two to three hours
    python -m benchmarks.speed --size small       all, small: some five minutes
    python -m benchmarks.speed sort-1000 sums-user --runs 3
    python -m benchmarks.speed --list

It installs the peers into an environment of their own ($MAPRED_PEERS, else in the cache), makes the
inputs from seeds ($MAPRED_CORPUS), runs everybody in turn, compares results, and writes speed.md,
speed.json and speed.svg. Contests that are done aren't run again (`--again` does), and one that had
fewer runs goes on with those that it lacks. What the table has of other contests stays there, if it
is of the same size; a smaller one has a table of its own.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks import empty_job
from benchmarks.peers import environment
from benchmarks.speed import catalog, inputs
from benchmarks.speed.contest import held
from benchmarks.speed.report import Kept, rows_of
from benchmarks.table import Row, merged, save, saved

SIZES: Final = {"full": catalog.FULL, "small": catalog.SMALL, "tiny": catalog.TINY}
# Hadoop and Spark need two minutes for a GB of words on two cores.
LIMIT_S: Final = 600.0
_PLOT_S: Final = 120
_EMPTY: Final = "empty"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="CONTEST", help="which ones (all)")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--runs", type=int, help="counted runs of each (5; small 1)")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="of one run (%(default)s)")
    parser.add_argument("--without", default="", metavar="PEER,…", help="leave these out")
    parser.add_argument("--again", action="store_true", help="also what is done already")
    parser.add_argument("--list", action="store_true", help="names of the contests, and no more")
    default = Path(__file__).resolve().parents[1] / "results"
    parser.add_argument("--results", type=Path, default=default)
    options = parser.parse_args(words)
    # Who is ended so ends what he has started, too: clusters are sessions of their own.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    makers = catalog.contests(SIZES[options.size])
    known = [*makers, _EMPTY]
    if unknown := set(options.names) - set(known):
        parser.error(f"no such contest: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if options.list:
        print("\n".join(known))
        return
    runs = options.runs or (5 if options.size == "full" else 1)
    kept = Kept(options.results / f"speed-{options.size}", runs=runs)
    failed = False
    for name in options.names or known:
        if options.again or kept.rows(name) is None:
            try:
                _run(name, makers, kept, runs, options)
            except (subprocess.SubprocessError, OSError) as error:
                detail = getattr(error, "stderr", b"") or b""
                text = detail if isinstance(detail, str) else detail.decode(errors="replace")
                print(f"{name} can't be held: {error} {text[-500:]}", file=sys.stderr)
                failed = True
        _publish([row for one in known for row in kept.rows(one) or ()], options)
    print((options.results / f"{_table(options)}.md").read_text())
    if failed:
        sys.exit("some contests couldn't be held: see above")


def _run(
    name: str,
    makers: dict[str, catalog.Maker],
    kept: Kept,
    runs: int,
    options: argparse.Namespace,
) -> None:
    if name == _EMPTY:
        kept.keep(name, empty_job.run(runs=runs), {})
        return
    contest = makers[name]()
    try:
        inputs.warm(contest.input)
        left_out = options.without.split(",")
        taken = held(
            contest,
            runs=runs,
            limit_s=options.limit_s,
            without=left_out,
            before={} if options.again else kept.taken(name),
        )
    finally:
        contest.close()
    kept.keep(name, rows_of(contest, taken), taken)


def _table(options: argparse.Namespace) -> str:
    return "speed" if options.size == "full" else f"speed-{options.size}"


def _publish(rows: list[Row], options: argparse.Namespace) -> None:
    name = _table(options)
    save(name, merged(saved(name, options.results), rows), options.results)
    if rows and not environment.lack_of("matplotlib"):
        plot = Path(environment.__file__).with_name("plot.py")
        source, target = (options.results / f"{name}.{end}" for end in ("json", "svg"))
        try:
            command = [environment.python(), plot, source, target]
            subprocess.run(command, check=True, capture_output=True, timeout=_PLOT_S)
        except subprocess.SubprocessError as error:
            print(f"no plot: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
