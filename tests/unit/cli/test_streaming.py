"""`mapred streaming` as users type it."""

import pytest
from mapred_cli.errors import run
from mapred_cli.main import cli

TEXT = "the king of the dead\nand the queen\n\nthe ghost of the king, again\n" * 20


@pytest.fixture
def alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "tools" / "empty").mkdir(parents=True)


def test_options_are_hadoops_in_any_order(alone, capfd):
    words = [
        *("streaming", "-D", "mapred.reduce.tasks=1", "-input", "text.txt,text.txt"),
        *("-mapper", "grep king", "-reducer", "wc -l", "-D", "io.sort.mb=10", "-jt", "local"),
    ]
    assert run(cli, words) == 0
    out, err = capfd.readouterr()
    assert out.split() == ["80"]
    assert "without effect here, but in the programs' environment: io.sort.mb" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-mapper", "nosuch"], "no program 'nosuch'"),
        (["-maper", "cat"], "-maper"),
        (["-q", "-mapper", "cat", "-outptu", "x"], "-outptu"),
        (["-mapper", "cat", "-quite"], "-quite"),
        (["-mapper", "tools/a.sh x", "-file", "tools"], "the folder of 'tools/a.sh' is sent along"),
        (["-mapper", "cat", "-libjars", "x.jar"], "-libjars isn't known to mapred"),
        (["-mapper", "cat", "-numReduceTasks", "x"], "-numReduceTasks"),
        (["-mapper", "cat", "-D", "novalue"], "write name=value"),
        (["-mapper", "cat", "-background", "-output", "out"], "-background needs a cluster"),
    ],
)
def test_what_cant_be_is_refused_before_anything_runs(alone, capfd, words, message):
    assert run(cli, ["streaming", "--local", "-input", "text.txt", *words]) == 2
    assert message in capfd.readouterr().err


def test_empty_folders_are_sent_and_words_that_lead_nowhere_are_told(alone, capfd):
    words = ["streaming", "--local", "-input", "text.txt", "-file", "tools", "-reducer", "NONE"]
    assert run(cli, [*words, "-mapper", "sh -c 'ls -d tools/empty' tools/gone.txt"]) == 0
    out, err = capfd.readouterr()
    assert out.split() == ["tools/empty"]
    assert "'tools/gone.txt' isn't in the folder that is sent along" in err
    assert "tools/empty" not in err
