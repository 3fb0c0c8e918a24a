"""Embedded word count, by records and by blocks, against the hand-written script; English text."""

import sys
import tempfile
from pathlib import Path

from benchmarks import corpus
from benchmarks.measure import Side, compare
from benchmarks.table import Row

HERE = Path(__file__).resolve().parent
_EXAMPLES = HERE.parent / "mapred" / "examples"
_JOBS = {"records": _EXAMPLES / "wordcount.py", "blocks": _EXAMPLES / "wordcount_blocks.py"}


def run(*, megabytes: int, runs: int) -> list[Row]:
    """Whole processes, start-up included.

    Raises:
        AssertionError: the two disagree on a count.
    """
    text = corpus.english(megabytes * 1_000_000)
    return [_row(text, level, job, runs) for level, job in _JOBS.items()]


def _row(text: Path, level: str, job: Path, runs: int) -> Row:
    mapred = Path(sys.executable).with_name("mapred")
    with tempfile.TemporaryDirectory() as folder:
        ours_out, peer_out = Path(folder, "ours"), Path(folder, "peer.tsv")
        submit = [
            str(mapred),
            "submit",
            "--local",
            "--quiet",
            "--workers",
            "2",
            str(job),
            str(text),
        ]
        ours = Side(
            "mapred",
            [*submit, "-o", str(ours_out), "-r", "2"],
            before=lambda: _remove(ours_out),
        )
        script = HERE / "peers" / "wordcount_script.py"
        peer = Side("script", [sys.executable, str(script), str(text), str(peer_out), "2"])
        result = compare(ours, peer, runs=runs)
        if _counts(sorted(ours_out.glob("part-*"))) != _counts([peer_out]):
            raise AssertionError("the counts differ")
    size = text.stat().st_size / 1e6
    memory = result.peak_bytes("mapred") / 1e6, result.peak_bytes("script") / 1e6
    return Row(
        f"word count of {size:.0f} MB of English by {level}, embedded, 2 workers",
        "hand-written multiprocessing + Counter, 2 processes",
        result.median_wall_s("mapred"),
        result.median_wall_s("script"),
        result.speed_ratio,
        runs,
        f"peak memory {memory[0]:.0f} MB against {memory[1]:.0f} MB",
    )


def _counts(files: list[Path]) -> dict[bytes, bytes]:
    lines = (line for file in files for line in file.read_bytes().splitlines())
    counts: dict[bytes, bytes] = {}
    for line in lines:
        word, _, count = line.rpartition(b"\t")
        counts[word] = count
    return counts


def _remove(folder: Path) -> None:
    for file in folder.glob("*"):
        file.unlink()
    if folder.exists():
        folder.rmdir()
