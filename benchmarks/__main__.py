"""python -m benchmarks [wordcount] [store] [empty] [--runs N] [--megabytes N]"""

import argparse
from pathlib import Path

from benchmarks import empty_job, store, wordcount
from benchmarks.table import Row, markdown, save


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="wordcount, store, empty (all)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--megabytes", type=int, help="size of the input (wordcount 200, store 1024)"
    )
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    runs, size = options.runs, options.megabytes
    entries = {
        "wordcount": lambda: wordcount.run(megabytes=size or 200, runs=runs),
        "store": lambda: store.run(megabytes=size or 1024, runs=runs),
        "empty": lambda: empty_job.run(runs=runs),
    }
    if unknown := set(options.names) - set(entries):
        parser.error(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(entries)}"
        )
    for name in options.names or entries:
        rows: list[Row] = entries[name]()
        save(name, rows, options.results)
        print(markdown(rows), flush=True)


if __name__ == "__main__":
    main()
