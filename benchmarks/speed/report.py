"""Outcomes as rows of the table, one file a contest, so that a run goes on where it stopped."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from benchmarks.speed.contest import LEFT_OUT, OURS, Contest, Contestant, Taken
from benchmarks.table import Row

_MEGABYTE: Final = 1e6


def rows_of(contest: Contest, taken: Mapping[str, Taken]) -> list[Row]:
    """None of those left out, so that the table keeps what an earlier run found of them."""
    rows: list[Row] = []
    for one in contest.contestants:
        if one.against and taken[one.name].out != LEFT_OUT:
            rows.append(_speed(contest, one, taken))
            if one.memory:
                rows.append(_memory(contest, one, taken))
    return rows


def _speed(contest: Contest, one: Contestant, taken: Mapping[str, Taken]) -> Row:
    ours, its = taken[one.against], taken[one.name]
    row = Row(contest.what, one.title, 0.0, floor=one.floor, aim=one.aim)
    if out := _out(ours, its):
        mine = statistics.median(ours.seconds(one.steady)) if ours.walls_s else 0.0
        return replace(row, ours=mine, note=out)
    mine_s, its_s = ours.seconds(one.steady), its.seconds(one.steady)
    ratio = statistics.median(mine_s) and statistics.median(its_s) / statistics.median(mine_s)
    peaks = ours.peak_bytes / _MEGABYTE, its.peak_bytes / _MEGABYTE
    return replace(
        row,
        ours=statistics.median(mine_s),
        its=statistics.median(its_s),
        ratio=ratio,
        runs=min(len(mine_s), len(its_s)),
        note=f"peak memory {peaks[0]:.0f} MB against {peaks[1]:.0f} MB" if contest.peaks else "",
    )


def _memory(contest: Contest, one: Contestant, taken: Mapping[str, Taken]) -> Row:
    ours, its = taken[OURS], taken[one.name]
    assert one.memory
    floor, aim = one.memory
    what = f"peak memory of: {contest.what}"
    row = Row(what, one.title, 0.0, floor=floor, aim=aim, unit="MB")
    if out := _out(ours, its):
        return replace(row, note=out)
    return replace(
        row,
        ours=ours.peak_bytes / _MEGABYTE,
        its=its.peak_bytes / _MEGABYTE,
        ratio=its.peak_bytes / ours.peak_bytes,
        runs=len(ours.peaks_bytes),
        note="whole process tree; the ratio is its over ours",
    )


def _out(ours: Taken, its: Taken) -> str:
    if ours.out:
        return f"ours is out: {ours.out}"
    return f"skipped: {its.out}" if its.out else ""


class Kept:
    """Rows of contests that are done, in a folder."""

    def __init__(self, folder: Path, *, runs: int) -> None:
        self._folder = folder
        self._runs = runs
        folder.mkdir(parents=True, exist_ok=True)

    def rows(self, name: str) -> list[Row] | None:
        """None: to be run. So it is when it was done with fewer runs."""
        path = self._folder / f"{name}.json"
        if not path.exists():
            return None
        record = json.loads(path.read_text())
        return [Row(**row) for row in record["rows"]] if record["runs"] >= self._runs else None

    def taken(self, name: str) -> dict[str, Taken]:
        """What those took that were run, to go on from."""
        path = self._folder / f"{name}.json"
        found = json.loads(path.read_text())["taken"] if path.exists() else {}
        return {name: Taken(**one) for name, one in found.items()}

    def keep(self, name: str, rows: Sequence[Row], taken: Mapping[str, Taken]) -> None:
        record = {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "runs": self._runs,
            "rows": [asdict(row) for row in rows],
            "taken": {name: asdict(one) for name, one in taken.items()},
        }
        partial = self._folder / f"{name}.json.partial"
        partial.write_text(json.dumps(record, indent=2) + "\n")
        partial.replace(self._folder / f"{name}.json")
