"""python -m benchmarks [NAME...] [--runs N] [--megabytes N] [--count N] [--quick]

    speed       the data plane against its peers; has options of its own: `speed --help`
    all         `speed`, and everything below
    wordcount   a job against a hand-written script
    empty       what the engine itself costs
    store       put, get and pread of one file
    namespace   operations on names, one and eight clients; small files; `--parts`
    restart     a NameNode with a million files; bytes per file and block
    listing     what others wait while a directory of a million entries is listed
    housekeeping  what others wait while a million replicas are reported, or lost
    rereplication  the blocks of a dead DataNode, made anew
    shell       `mapred fs ls /`
    scheduling  tasks that do nothing, small jobs, and the core with a large cluster
    loops       rounds of k-means, logistic regression and PageRank; `--parts`: some of its lines
    tiny        many maps by many reducers with tiny partitions, under `ulimit -n 256`
    trouble     a tracker that is killed, and one that is slow

`ratio` is of speeds, ours over the other's, from one run; `at least` and `aim` are what we
hold ourselves to and what we want.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    empty_job,
    housekeeping,
    listing,
    loops,
    namespace,
    rereplication,
    restart,
    scheduling,
    shell,
    store,
    tinypartitions,
    trouble,
    wordcount,
)
from benchmarks.speed import __main__ as speed
from benchmarks.table import Row, markdown, merged, save, saved


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["speed"]:
        speed.main(words[1:])
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones (all below)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--megabytes", type=int, help="size of the input (wordcount 200, store 1024)"
    )
    parser.add_argument(
        "--count",
        type=int,
        help="how many: operations (namespace 800), files (restart, listing 1,000,000), "
        "blocks (housekeeping 1,000,000, rereplication 1,000), tasks in virtual time "
        "(scheduling 100,000)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small inputs, one run: does it work at all?"
    )
    parser.add_argument(
        "--parts",
        default="",
        help="of loops: nothing,kmeans,logistic,pagerank,cluster,chained; "
        "of namespace: names,small (all)",
    )
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    # Who is ended so ends what he has started, too: clusters are sessions of their own.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.names == ["all"]:
        options.names = []
        size = ["--size", "small"] if options.quick else ["--runs", str(options.runs)]
        speed.main([*size, "--results", str(options.results)])
    quick = options.quick
    runs, size, count = (1 if quick else options.runs), options.megabytes, options.count
    if any(number is not None and number < 1 for number in (options.runs, size, count)):
        parser.error("--runs, --megabytes and --count are at least 1")
    entries: dict[str, Callable[[], list[Row]]] = {
        "wordcount": lambda: wordcount.run(megabytes=size or (5 if quick else 200), runs=runs),
        "empty": lambda: empty_job.run(runs=runs),
        "store": lambda: store.run(megabytes=size or (16 if quick else 1024), runs=runs),
        "namespace": lambda: namespace.run(
            runs=runs, count=count or (32 if quick else 800), parts=options.parts
        ),
        "restart": lambda: restart.run(runs=runs, files=count or (2_000 if quick else 1_000_000)),
        "listing": lambda: listing.run(entries=count or (2_000 if quick else 1_000_000)),
        "housekeeping": lambda: housekeeping.run(blocks=count or (2_000 if quick else 1_000_000)),
        "rereplication": lambda: rereplication.run(
            runs=runs, blocks=count or (20 if quick else 1000)
        ),
        "shell": lambda: shell.run(runs=runs),
        "scheduling": lambda: scheduling.run(
            runs=runs,
            tasks=100 if quick else 3000,
            trackers=50 if quick else 2000,
            jobs=5 if quick else 200,
            virtual_tasks=count or (500 if quick else 100_000),
        ),
        "tiny": lambda: tinypartitions.run(runs=runs, quick=quick),
        "trouble": trouble.run,
        "loops": lambda: loops.run(
            rows=20_000 if quick else 1_000_000,
            vertices=2_000 if quick else 100_000,
            parts=options.parts,
        ),
    }
    if unknown := set(options.names) - set(entries):
        parser.error(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(entries)}"
        )
    everything: list[Row] = []
    for name in options.names or entries:
        rows: list[Row] = entries[name]()
        # Of a part only its own lines are new.
        kept = saved(name, options.results) if options.parts else []
        save(name, merged(kept, rows), options.results)
        print(f"{name}: {len(rows)} rows", file=sys.stderr, flush=True)
        everything += rows
    print(markdown(everything))


if __name__ == "__main__":
    main()
