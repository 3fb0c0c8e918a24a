"""Somebody at a shell, and the files in his directory."""

import os
import socket
import subprocess
import sys
import time

DEADLINE_S = 90
WORDS = "the quick brown fox jumps over the lazy dog and the cat\nünï çödé the\n\n" * 3000

WORD_COUNT = '''\
"""Word count."""
from mapred import Job, Mapper, Param, Reducer

class Words(Mapper):
    def setup(self):
        self.minimum = self.ctx.params.minimum
    def map(self, offset, line):
        for word in line.split():
            if len(word) >= self.minimum:
                self.ctx.count("words", "counted")
                yield word, 1

class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)

class WordCount(Job):
    minimum: int = Param(1, help="shortest word that counts")
    mapper, combiner, reducer = Words, Total, Total
'''

SLOW = """\
import time
from mapred import Job, Mapper

class Sleepy(Mapper):
    def map(self, offset, line):
        time.sleep(0.2)
        yield line, 1

class Slow(Job):
    mapper = Sleepy
"""

FAILING = """\
from mapred import Job, Mapper

class Picky(Mapper):
    def map(self, offset, line):
        raise ValueError("I don't like foxes")

class Picks(Job):
    mapper = Picky
"""


class User:
    """Somebody at a shell: a working directory and an environment."""

    def __init__(self, home, **variables):
        self.home = home
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("MAPRED_")},
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            **variables,
        }

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "mapred_cli.main", *map(str, arguments)],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def mapred(self, *arguments, code=0, typed=None):
        """Runs a command to its end; its stdout and stderr."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(typed, timeout=DEADLINE_S)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == code, err.decode()
        return out.decode(), err.decode()


def fill(home):
    """Writes job files and a text into the user's directory."""
    (home / "wordcount.py").write_text(WORD_COUNT)
    (home / "slow.py").write_text(SLOW)
    (home / "failing.py").write_text(FAILING)
    (home / "text.txt").write_text(WORDS)
    (home / "broken.py").write_text("def nothing(:\n")
    (home / "nojob.py").write_text("class WordCount:\n    pass\n")
    (home / "twojobs.py").write_text(WORD_COUNT + "\n\nclass Again(Job):\n    mapper = Words\n")
    (home / "imports.py").write_text("import no_such_module\n" + WORD_COUNT)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def counted(text):
    return {word: int(count) for word, count in (line.split("\t") for line in text.splitlines())}


def wait_for(condition):
    """The first true value of it."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("not in time")
