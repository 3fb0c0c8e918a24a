"""Loops by the command line on a test's cluster: started, heard, and ended by whoever likes."""

import subprocess
import sys
from typing import Any


def command(cluster: Any, *words: str) -> "subprocess.Popen[str]":
    """`mapred WORDS` with the masters of that cluster."""
    masters = ["--jobtracker", cluster.jobtracker_address, "--namenode", cluster.address]
    return subprocess.Popen(
        [sys.executable, "-m", "mapred_cli.main", *words, "--json", *masters],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def id_of(process: "subprocess.Popen[str]") -> str:
    """The loop's, as the command tells it before the first round."""
    assert process.stderr is not None
    for line in process.stderr:
        if "after a crash:" in line:
            return line.split()[-1]
    raise AssertionError("it ended before it told its id")


def wait_for_round(process: "subprocess.Popen[str]", number: int) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        words = line.split()
        if words[:1] == ["round"] and int(words[1]) >= number:
            return
    raise AssertionError(f"the loop ended before round {number}")
