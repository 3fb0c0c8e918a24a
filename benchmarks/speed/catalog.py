"""Which contests there are: the lines of the data plane's table, with floors and aims."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.cluster import mapred
from benchmarks.peers import environment
from benchmarks.speed import answers, inputs
from benchmarks.speed.contest import OURS, Contest, Contestant
from benchmarks.speed.storecluster import StoreCluster

_ROOT: Final = Path(__file__).resolve().parents[2]
_PEERS: Final = _ROOT / "benchmarks" / "peers"
_JOBS: Final = _ROOT / "benchmarks" / "jobs"
_EXAMPLES: Final = _ROOT / "mapred" / "examples"
_WARM: Final = "mapred, warm"
_RECORDS: Final = str(_EXAMPLES / "wordcount.py")
_BLOCKS: Final = str(_EXAMPLES / "wordcount_blocks.py")
_SORT: Final = str(_JOBS / "sort_records.py")
_SUMS: Final = str(_JOBS / "sums.py")


@dataclass(frozen=True)
class Sizes:
    """How large the inputs are."""

    texts_mb: tuple[int, ...]
    sort_mb: int
    rows: int


FULL: Final = Sizes((200, 1000), 1000, 20_000_000)
SMALL: Final = Sizes((20,), 50, 1_000_000)
TINY: Final = Sizes((2,), 2, 50_000)


Maker: TypeAlias = Callable[[], Contest]


def contests(sizes: Sizes) -> dict[str, Maker]:
    """By name; made when their turn comes, because making one makes its input."""
    found: dict[str, Maker] = {}
    for megabytes in sizes.texts_mb:
        for kind in ("zipf", "english"):
            end = f"{kind}-{megabytes}"
            found[f"records-{end}"] = _bind(_records, kind, megabytes)
            found[f"blocks-{end}"] = _bind(_blocks, kind, megabytes)
    found[f"sort-{sizes.sort_mb}"] = _bind(_sort, sizes.sort_mb)
    found["sums-user"] = _bind(_sums, "user", sizes.rows)
    found["sums-name"] = _bind(_sums, "name", sizes.rows)
    smallest = sizes.texts_mb[0]
    found["identity"] = _bind(_identity, smallest)
    found["longwords"] = _bind(_longwords, smallest)
    found["workers"] = _bind(_workers, smallest)
    for name, job, make, check in (
        ("records", _RECORDS, lambda: inputs.text("english", smallest), answers.counts),
        ("blocks", _BLOCKS, lambda: inputs.text("english", smallest), answers.counts),
        ("sort", _SORT, lambda: inputs.records(sizes.sort_mb), answers.lines_in_order),
        ("sums", f"{_SUMS}:SumsByUser", lambda: inputs.payments(sizes.rows), answers.sums),
    ):
        found[f"cluster-{name}"] = _bind(_on_cluster, name, job, make, check)
    return found


def _bind(make: Callable[..., Contest], *given: object) -> Maker:
    return lambda: make(*given)


def submit(job: str, source: Path, *, reducers: int = 2, workers: int = 2) -> list[str]:
    """A whole process of ours, embedded."""
    start = [mapred(), "submit", "--local", "--quiet", "--workers", str(workers)]
    return [*start, job, str(source), "-o", "OUTPUT", "-r", str(reducers)]


def _warm(job: str, source: Path) -> Contestant:
    command = [sys.executable, "-m", "benchmarks.speed.warm", job, str(source), "OUTPUT", "2"]
    environment = {"PYTHONPATH": str(_ROOT)}
    return Contestant(_WARM, command, against="", steady=True, environment=environment)


def _peer(script: str, *words: str) -> list[str]:
    return [str(environment.python()), str(_PEERS / script), *words]


def _spark(what: str, source: Path, title: str, floor: float, aim: float) -> Contestant:
    def lack() -> str:
        return environment.lack_of_command("java") or environment.lack_of("pyspark")

    return Contestant(
        "pyspark",
        _peer("spark.py", what, str(source), "OUTPUT", "FOLDER"),
        lack,
        _WARM,
        floor,
        aim,
        steady=True,
        title=f"{title}, start-up excluded on both sides",
    )


def _hadoop(program: str, source: Path, floor: float, aim: float) -> Contestant:
    path, lack = environment.hadoop_classpath()
    words = [program, str(source), "OUTPUT", "FOLDER"]
    return Contestant(
        "hadoop",
        ["java", "-Xmx4g", "-cp", path, *words],
        lambda: lack,
        floor=floor,
        aim=aim,
        title="Hadoop's LocalJobRunner, Java, two maps at a time",
    )


def _records(kind: str, megabytes: int) -> Contest:
    text = inputs.text(kind, megabytes)
    script = [sys.executable, str(_PEERS / "wordcount_script.py"), str(text), "OUTPUT", "2"]
    return Contest(
        f"records-{kind}-{megabytes}",
        f"word count, {megabytes} MB of {_named(kind)}, record classes, embedded, 2 workers",
        [
            Contestant(OURS, submit(_RECORDS, text), against=""),
            Contestant(
                "script",
                script,
                floor=0.9,
                aim=1.2,
                title="hand-written multiprocessing + Counter, 2 processes",
            ),
            _warm(_RECORDS, text),
            _spark("wordcount", text, "PySpark RDD local[2]", 3, 4),
            _hadoop("WordCount", text, 3, 4),
        ],
        answers.counts,
        text,
    )


def _named(kind: str) -> str:
    return "English" if kind == "english" else "Zipf's words"


def _blocks(kind: str, megabytes: int) -> Contest:
    text = inputs.text(kind, megabytes)
    polars = _peer("polars_wordcount.py", str(text), "OUTPUT")
    threads = {"POLARS_MAX_THREADS": "2"}
    return Contest(
        f"blocks-{kind}-{megabytes}",
        f"word count, {megabytes} MB of {_named(kind)}, block level, embedded, 2 workers",
        [
            Contestant(OURS, submit(_BLOCKS, text), against=""),
            Contestant(
                "polars",
                polars,
                lambda: environment.lack_of("polars"),
                floor=1.3,
                aim=2.5,
                title="Polars, 2 threads",
                environment=threads,
                memory=(1, 2),
            ),
            Contestant(
                "duckdb",
                _peer("duckdb_wordcount.py", str(text), "OUTPUT"),
                lambda: environment.lack_of("duckdb"),
                floor=1.0,
                aim=2,
                title="DuckDB, 2 threads",
            ),
        ],
        answers.counts,
        text,
    )


def _sort(megabytes: int) -> Contest:
    records = inputs.records(megabytes)
    sort = ["sort", "--parallel=2", "-T", "FOLDER", "-o", "OUTPUT", str(records)]
    return Contest(
        f"sort-{megabytes}",
        f"sort {megabytes} MB of 100-byte records, total order, written out",
        [
            Contestant(OURS, submit(_SORT, records), against=""),
            Contestant(
                "gnu-sort",
                sort,
                lambda: environment.lack_of_command("sort"),
                floor=1.0,
                aim=2,
                title="GNU `sort --parallel=2`, LC_ALL=C",
                environment={"LC_ALL": "C"},
            ),
            _warm(_SORT, records),
            _spark("sort", records, "PySpark DataFrame sort", 4, 8),
            _hadoop("SortLines", records, 4, 8),
        ],
        answers.lines_in_order,
        records,
    )


def _sums(key: str, rows: int) -> Contest:
    table = inputs.payments(rows)
    job = f"{_SUMS}:SumsBy{key.title()}"
    kind = "int" if key == "user" else "string"
    return Contest(
        f"sums-{key}",
        f"group-by sum, {rows:,} rows of Parquet, a million {kind} keys",
        [
            Contestant(OURS, submit(job, table), against=""),
            Contestant(
                "duckdb",
                _peer("duckdb_groupby.py", str(table), "OUTPUT", key),
                lambda: environment.lack_of("duckdb"),
                floor=0.4,
                aim=0.8,
                title="DuckDB, 2 threads",
            ),
        ],
        answers.sums,
        table,
    )


def _identity(megabytes: int) -> Contest:
    text = inputs.text("english", megabytes)
    script = [sys.executable, str(_PEERS / "identity_script.py"), str(text), "OUTPUT"]
    job = str(_JOBS / "identity.py")
    return Contest(
        "identity",
        f"identity record mapper, {megabytes} MB of English, 1 worker",
        [
            Contestant(OURS, submit(job, text, workers=1, reducers=0), against=""),
            Contestant("loop", script, floor=0.85, aim=0.95, title="the same loop in plain Python"),
        ],
        answers.lines_in_order,
        text,
    )


def _longwords(megabytes: int) -> Contest:
    text = inputs.text("english", megabytes)
    script = [sys.executable, str(_PEERS / "longwords_script.py"), str(text), "OUTPUT", "2"]
    job = str(_JOBS / "longwords.py")
    return Contest(
        "longwords",
        f"long words of {megabytes} MB of English, a loop of the user's own, 2 workers",
        [
            Contestant(OURS, submit(job, text), against=""),
            Contestant("script", script, floor=0.9, aim=1.2, title="hand-written, 2 processes"),
        ],
        answers.counts,
        text,
    )


def _on_cluster(
    name: str, job: str, make: Callable[[], Path], check: Callable[[Path], str]
) -> Contest:
    source = make()
    store = StoreCluster(source)
    # Here the other is the embedded engine, and what is measured is the cluster.
    return Contest(
        f"cluster-{name}",
        f"{name}: {source.stat().st_size / 1e6:.0f} MB on a local cluster, replication 1, 2 slots",
        [
            Contestant(OURS, store.submit(job), against="", environment=store.environment),
            Contestant(
                "embedded",
                submit(job, source),
                floor=0.8,
                aim=0.95,
                title="the same embedded, 2 workers",
            ),
        ],
        lambda output: check(store.fetched(output)),
        source,
        store.close,
        peaks=False,
    )


def _workers(megabytes: int) -> Contest:
    text = inputs.text("english", megabytes)
    return Contest(
        "workers",
        f"word count, {megabytes} MB of English, record classes: 2 workers",
        [
            Contestant(OURS, submit(_RECORDS, text), against=""),
            Contestant(
                "1 worker",
                submit(_RECORDS, text, workers=1),
                floor=1.7,
                aim=1.9,
                title="1 worker, the same job",
            ),
        ],
        answers.counts,
        text,
    )
