"""What somebody asked for with Hadoop Streaming's options, checked and in our words."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mapred.errors import JobDefinitionError, ParamError
from mapred.model import DEFAULT_POOL
from mapred.priority import Priority, priority_of
from mapred.streaming.contract import Contract, map_output, reduce_output
from mapred.streaming.keyfields import parsed
from mapred.streaming.programs import arguments
from mapred.streaming.properties import Properties

_INPUTS: Final = {
    "TextInputFormat": "text",
    "KeyValueTextInputFormat": "keyvalue",
    "NLineInputFormat": "nline",
    # Small files share splits anyway.
    "CombineTextInputFormat": "text",
    "text": "text",
    "keyvalue": "keyvalue",
    "nline": "nline",
}
_OUTPUTS: Final = ("TextOutputFormat", "text")
_PARTITIONERS: Final = {"HashPartitioner": False, "KeyFieldBasedPartitioner": True}
_COMPARATORS: Final = ("KeyFieldBasedComparator",)
_IDENTITIES: Final = ("IdentityMapper", "IdentityReducer")
_CODECS: Final = {
    "GzipCodec": "gzip",
    "DefaultCodec": "gzip",
    "BZip2Codec": "bz2",
    "Lz4Codec": "lz4",
    "ZStandardCodec": "zstd",
}
# Hadoop's limit for a task that neither reads, writes nor tells of a status.
_SILENT_S: Final = 600.0
# "No limit", as Hadoop's 0 has it, in seconds.
_NEVER_S: Final = 10.0 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Request:
    """The options by their names there; files are `jobfolder.py`'s matter."""

    mapper: str = ""
    combiner: str = ""
    reducer: str = ""
    input_format: str = "TextInputFormat"
    output_format: str = "TextOutputFormat"
    partitioner: str = ""
    reduces: int | None = None
    lazy_output: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A request in the engine's words."""

    name: str
    pool: str
    priority: Priority
    contract: Contract
    # None: the engine chooses.
    reducers: int | None
    by_key_fields: bool
    input_format: dict[str, object]
    output_format: dict[str, object]
    # Attributes of the Job, and what `plan` calls `job.<name>`.
    settings: dict[str, str]
    # Of the -D words.
    without_effect: list[str]


def meaning_of(request: Request) -> Meaning:
    """Raises RefusedError: what mapred doesn't have, or can't understand."""
    properties = Properties(
        {name: word for name, word in request.properties.items() if not _is_setting(name)}
    )
    form = _known(request.input_format, _INPUTS, "-inputformat")
    comparator = _comparator(properties)
    by_key_fields = _by_key_fields(request, properties)
    reducers = _reducers(request, properties)
    # What only tasks ask for is looked at here, too: one word instead of four attempts.
    map_output(properties)
    reduce_output(properties)
    properties.flag("stream.non.zero.exit.is.failure", True)
    contract = Contract(
        mapper=_command(request.mapper, "-mapper"),
        combiner=_command(request.combiner, "-combiner") if reducers != 0 else "",
        reducer=_command(request.reducer, "-reducer") if reducers != 0 else "",
        input=form,
        # Hadoop's rule: only of text a program wants the lines alone.
        with_key=not properties.flag("stream.map.input.ignoreKey", form == "text"),
        properties=properties.said,
        environment=dict(request.environment),
        comparator=comparator,
    )
    return Meaning(
        name=properties.text("mapreduce.job.name", "streaming"),
        pool=properties.text("mapreduce.job.queuename", DEFAULT_POOL),
        priority=_priority(properties),
        contract=contract,
        reducers=reducers,
        by_key_fields=by_key_fields,
        input_format=_input_format(contract, properties),
        output_format=_output_format(request, properties),
        settings=_settings(request, properties),
        without_effect=properties.without_effect(),
    )


def _is_setting(name: str) -> bool:
    # Hadoop's own old names that begin so.
    return name.startswith("job.") and not name.startswith(("job.local.dir", "job.end"))


def _known(word: str, known: dict[str, str], option: str) -> str:
    name = word.rpartition(".")[2]
    if name not in known:
        raise ParamError(
            f"{option} {word}: there is no Java here, and of Hadoop's classes only these have "
            f"a counterpart: {', '.join(known)}"
        )
    return known[name]


def _command(word: str, option: str) -> str:
    """The command; "" for an identity."""
    if word.rpartition(".")[2] in _IDENTITIES:
        return ""
    if word.startswith("org.apache.hadoop.") or word == "aggregate":
        raise ParamError(
            f"{option} {word}: that is a class of Hadoop, and there is no Java here. "
            "Give a command, such as 'python3 sums.py'"
        )
    try:
        words = arguments(word)
    except ValueError as error:
        raise ParamError(f"{option} {word}: {error}") from None
    if word and not words:
        raise ParamError(f"{option} '{word}' is no command")
    return word


def _comparator(properties: Properties) -> str:
    name = properties.text("mapreduce.job.output.key.comparator.class").rpartition(".")[2]
    if not name:
        return ""
    if name not in _COMPARATORS:
        raise ParamError(
            f"-D mapreduce.job.output.key.comparator.class=…{name}: only KeyFieldBasedComparator "
            "has a counterpart here; keys are in order of their bytes otherwise"
        )
    options = properties.text("mapreduce.partition.keycomparator.options") or "-k1"
    parsed(options)
    return options


def _by_key_fields(request: Request, properties: Properties) -> bool:
    word = request.partitioner or properties.text("mapreduce.job.partitioner.class")
    if not word:
        return False
    name = word.rpartition(".")[2]
    if name not in _PARTITIONERS:
        raise ParamError(
            f"-partitioner {word}: there is no Java here. There are: {', '.join(_PARTITIONERS)}"
        )
    parsed(properties.text("mapreduce.partition.keypartitioner.options"))
    properties.number("num.key.fields.for.partition", 0)
    return _PARTITIONERS[name]


def _priority(properties: Properties) -> Priority:
    word = properties.text("mapreduce.job.priority", Priority.NORMAL.value)
    try:
        return priority_of(word)
    except ValueError as error:
        raise ParamError(f"-D mapreduce.job.priority: {error}") from None


def _reducers(request: Request, properties: Properties) -> int | None:
    if request.reducer.strip() == "NONE":
        if request.reduces:
            raise JobDefinitionError(
                f"-reducer NONE and -numReduceTasks {request.reduces} contradict each other"
            )
        return 0
    if request.reduces is not None:
        return request.reduces
    if properties.text("mapreduce.job.reduces"):
        return properties.number("mapreduce.job.reduces", 1)
    return None


def _input_format(contract: Contract, properties: Properties) -> dict[str, object]:
    lines = properties.number("mapreduce.input.lineinputformat.linespermap", 1)
    by = properties.separator("mapreduce.input.keyvaluelinerecordreader.key.value.separator")
    if contract.input == "nline":
        return {"name": "nline", "lines": lines}
    if contract.input == "keyvalue" and not contract.mapper:
        return {"name": "keyvalue", "separator": by}
    return {"name": "text"}


def _output_format(request: Request, properties: Properties) -> dict[str, object]:
    if request.output_format.rpartition(".")[2] not in _OUTPUTS:
        raise ParamError(
            f"-outputformat {request.output_format}: programs write lines, so there is "
            "TextOutputFormat alone"
        )
    found: dict[str, object] = {"name": "bytelines"}
    separator = properties.separator("mapreduce.output.textoutputformat.separator")
    if separator != "\t":
        found["separator"] = separator
    if properties.flag("mapreduce.output.fileoutputformat.compress", False):
        codec = properties.text(
            "mapreduce.output.fileoutputformat.compress.codec", "GzipCodec"
        ).rpartition(".")[2]
        if codec not in _CODECS:
            raise ParamError(f"there is no codec {codec} here. There are: {', '.join(_CODECS)}")
        found["compression"] = _CODECS[codec]
    return found


def _settings(request: Request, properties: Properties) -> dict[str, str]:
    found = {"job.stall_s": str(_SILENT_S)}
    found |= {name: word for name, word in request.properties.items() if _is_setting(name)}
    attempts = max(
        properties.number("mapreduce.map.maxattempts", 0),
        properties.number("mapreduce.reduce.maxattempts", 0),
    )
    if attempts:
        found["job.attempts_max"] = str(attempts)
    if properties.text("mapreduce.task.timeout"):
        timeout_ms = properties.number("mapreduce.task.timeout", 0)
        found["job.stall_s"] = str(timeout_ms / 1000 if timeout_ms else _NEVER_S)
    if properties.text("mapreduce.job.reduce.slowstart.completedmaps"):
        name = "mapreduce.job.reduce.slowstart.completedmaps"
        found["job.slowstart"] = str(properties.fraction(name, 0.05))
    if split_bytes := properties.number("mapreduce.input.fileinputformat.split.maxsize", 0):
        found["job.split_bytes"] = str(split_bytes)
    found |= _notification(properties)
    if request.lazy_output:
        found["job.lazy_output"] = "true"
    return found


def _notification(properties: Properties) -> dict[str, str]:
    """With Hadoop's defaults, and its rule that `max` bounds what is asked for."""
    family = "mapreduce.job.end-notification"
    url = properties.text(f"{family}.url")
    attempts = 1 + properties.number(f"{family}.retry.attempts", 0)
    attempts_max = properties.number(f"{family}.max.attempts", 5)
    interval_ms = properties.number(f"{family}.retry.interval", 1000)
    interval_max_ms = properties.number(f"{family}.max.retry.interval", 5000)
    timeout_ms = properties.number(f"{family}.timeout", 5000)
    if not url:
        return {}
    return {
        "job.notify_url": url,
        "job.notify_attempts": str(min(attempts, attempts_max)),
        "job.notify_interval_s": str(min(interval_ms, interval_max_ms) / 1000),
        "job.notify_timeout_s": str(timeout_ms / 1000),
    }


def missing_programs(contract: Contract) -> list[str]:
    """Commands whose program is neither sent along nor on this machine's PATH."""
    commands = (contract.mapper, contract.combiner, contract.reducer)
    programs = [arguments(command)[0] for command in commands if command]
    files = set(contract.files)
    return [
        program
        for program in dict.fromkeys(programs)
        if program.removeprefix("./").partition("/")[0] not in files and not shutil.which(program)
    ]


def missing_inside(contract: Contract, sent: Path) -> tuple[list[str], list[str]]:
    """Paths that lead into folders that are sent along, to nothing: programs, and their words."""
    programs: list[str] = []
    others: list[str] = []
    for command in (contract.mapper, contract.combiner, contract.reducer):
        for place, word in enumerate(arguments(command) if command else []):
            top, slash, _ = word.removeprefix("./").partition("/")
            if slash and top in contract.files and not (sent / word).exists():
                (others if place else programs).append(word)
    return programs, others
