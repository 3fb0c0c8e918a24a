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
    ours_s: float
    peer_s: float | None = None
    # Peer's time over ours, median over the pairs: above 1 we are faster.
    ratio: float | None = None
    runs: int = 0
    note: str = ""


def markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| what | ours, s | against | its, s | ratio | runs |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        peer_s = "" if row.peer_s is None else f"{row.peer_s:.2f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        what = f"{row.what} ({row.note})" if row.note else row.what
        lines.append(
            f"| {what} | {row.ours_s:.2f} | {row.peer} | {peer_s} | {ratio} | {row.runs} |"
        )
    return "\n".join(lines) + "\n"


def save(name: str, rows: Sequence[Row], folder: Path) -> None:
    """Writes NAME.md and NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    record = {"machine": machine, "rows": [asdict(row) for row in rows]}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder / f"{name}.md").write_text(markdown(rows))
