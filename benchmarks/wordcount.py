"""Embedded word counts against hand-written scripts, on English text."""

import sys
import tempfile
from pathlib import Path

from benchmarks import corpus
from benchmarks.measure import Side, compare
from benchmarks.table import Row

HERE = Path(__file__).resolve().parent
_EXAMPLES = HERE.parent / "mapred" / "examples"
_SCRIPT = HERE / "peers" / "wordcount_script.py"
# What is counted how: the job, and the script that does the same.
_ROWS = {
    "word count of {} of English by records": (_EXAMPLES / "wordcount.py", _SCRIPT),
    "the same by blocks": (_EXAMPLES / "wordcount_blocks.py", _SCRIPT),
    "long words of {} of English, a loop of the user's own": (
        HERE / "jobs" / "longwords.py",
        HERE / "peers" / "longwords_script.py",
    ),
}


def run(*, megabytes: int, runs: int) -> list[Row]:
    """Whole processes, start-up included.

    Raises:
        AssertionError: the two disagree on a count.
    """
    text = corpus.english(megabytes * 1_000_000)
    size = f"{text.stat().st_size / 1e6:.0f} MB"
    return [_row(text, title.format(size), *both, runs) for title, both in _ROWS.items()]


def _row(text: Path, title: str, job: Path, script: Path, runs: int) -> Row:
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
        peer = Side("script", [sys.executable, str(script), str(text), str(peer_out), "2"])
        result = compare(ours, peer, runs=runs)
        if _counts(sorted(ours_out.glob("part-*"))) != _counts([peer_out]):
            raise AssertionError("the counts differ")
    memory = result.peak_bytes("mapred") / 1e6, result.peak_bytes("script") / 1e6
    return Row(
        f"{title}, embedded, 2 workers",
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
