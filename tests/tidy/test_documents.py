"""What the documents say is so: links lead somewhere, the README's job runs, and its commands
are those that .ci/run and the packaging know."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted(ROOT.glob("*.md"))


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_inside_the_repository_lead_somewhere(document):
    targets = re.findall(r"\]\(([^)#]+)", document.read_text())
    assert [to for to in targets if "://" not in to and not (ROOT / to).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(document):
    named = re.findall(
        r"`((?:blockstore|mapred|cli|protos|tests|benchmarks)/[\w/.]+)`", document.read_text()
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_job_of_the_readme_counts_words(tmp_path):
    job = next(block for block in _blocks("python") if "class WordCount" in block)
    (tmp_path / "wordcount.py").write_text(job)
    text = "to be or not to be\nthat is\tthe question\n"
    (tmp_path / "text.txt").write_text(text)

    words = ["submit", "--local", "wordcount.py", "text.txt", "-D", "minimum=3"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mapred_cli.main", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    pairs = (line.split("\t") for line in done.stdout.splitlines())
    expected = Counter(word for word in text.split() if len(word) >= 3)
    assert {word: int(count) for word, count in pairs} == expected


def test_the_two_commands_are_the_first_two_blocks():
    run, test, *_ = _blocks("sh")

    assert run.count("\n") == test.count("\n") == 1
    assert "python3 -m venv" in run
    assert "python3 -m venv" in test
    example = re.search(r"submit (\S+) (\S+)", run)
    assert all((ROOT / path).exists() for path in example.groups())
    assert test.rstrip().endswith("/bin/pytest")
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("\npytest")


def test_the_changelog_knows_the_version():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()
