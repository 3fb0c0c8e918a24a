"""Results as one table: Markdown for people, JSON for machines."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line: what was measured, against what, both medians, and the ratio of speeds."""

    what: str
    peer: str
    # Ours and the peer's, in `unit`: seconds, or something per second.
    ours: float
    its: float | None = None
    # Of speeds, median over the pairs: above 1 we are faster.
    ratio: float | None = None
    runs: int = 0
    note: str = ""
    unit: str = "s"
    # The ratio that we hold ourselves to, and the one that we want.
    floor: float | None = None
    aim: float | None = None

    @property
    def verdict(self) -> str:
        if self.ratio is None or self.floor is None:
            return ""
        if self.aim is not None and self.ratio >= self.aim:
            return "aim"
        return "floor" if self.ratio >= self.floor else "missed"


def markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| what | ours | against | its | ratio | at least | aim | met | runs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        what = f"{row.what} ({row.note})" if row.note else row.what
        cells = (
            what,
            _figure(row.ours, f" {row.unit}"),
            row.peer,
            _figure(row.its, f" {row.unit}"),
            _figure(row.ratio),
            _figure(row.floor),
            _figure(row.aim),
            row.verdict,
            str(row.runs),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _figure(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    words = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return words + unit


def merged(kept: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """New rows in the place of those about the same, else at the end."""
    rows = {(row.what, row.peer): row for row in (*kept, *new)}
    return list(rows.values())


def saved(name: str, folder: Path) -> list[Row]:
    """The rows of NAME.json; none where there's no such file."""
    path = folder / f"{name}.json"
    if not path.exists():
        return []
    return [Row(**row) for row in json.loads(path.read_text())["rows"]]


def save(name: str, rows: Sequence[Row], folder: Path) -> None:
    """Writes NAME.md and NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    record = {"machine": machine, "rows": [asdict(row) for row in rows]}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder / f"{name}.md").write_text(markdown(rows))
