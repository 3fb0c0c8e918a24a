"""Runs seeds and says what they met: python tests/sim/run.py --seeds 0:1000"""

import argparse
import gc
import logging
import sys
import time
import traceback
from collections import Counter

from simulator.runs import run_seed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:100", help="FROM:TO, or one seed")
    parser.add_argument(
        "--kind",
        default="",
        help="store, cluster, jobs, blackouts, histories or operations; by seed by default",
    )
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no seed after these")
    parser.add_argument("--trace", action="store_true", help="print every event")
    parser.add_argument("--keep-going", action="store_true", help="don't stop at a failing seed")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    figures: Counter[str] = Counter()
    failed = []
    # What is there by now stays: the collector needn't look through it again for every seed.
    gc.freeze()
    started, spent = time.perf_counter(), time.process_time()
    runs = 0
    for seed in seeds:
        if time.perf_counter() - started > options.minutes * 60:
            break
        runs += 1
        try:
            report = run_seed(seed, kind=options.kind, trace=options.trace)
        except Exception:
            failed.append(seed)
            traceback.print_exc()
            print(f"seed {seed} failed", flush=True)
            if not options.keep_going:
                break
            continue
        figures.update(report.figures)
        figures["steps"] += report.steps
        figures["virtual seconds"] += int(report.virtual_s)
    took = time.process_time() - spent
    for name, count in sorted(figures.items()):
        print(f"{count:>10}  {name}")
    a_seed = f"{took / max(1, runs):.3f} s a seed of the processor's time"
    print(f"{runs} seeds, {a_seed}; failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
