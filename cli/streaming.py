"""`mapred streaming`: Hadoop Streaming's options, and its jobs of programs."""

import contextlib
import dataclasses
import difflib
import re
from collections.abc import Sequence
from typing import Final

import click

from .engines import choose
from .errors import REFUSED, CommandError, say
from .follow import terminated_by_signal
from .running import run_to_the_end

# Options that Hadoop has and mapred can't have, with the reason.
_JAVA: Final = "there is no Java here"
REFUSED_OPTIONS: Final = {
    "-libjars": _JAVA,
    "-inputreader": "records are lines here: use -inputformat",
    "-io": "programs speak in lines of text here",
    "-conf": "say -D name=value",
    "-mapdebug": "what a failed attempt said is in `mapred job logs`",
    "-reducedebug": "what a failed attempt said is in `mapred job logs`",
}


def _assignments(
    _: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{word}': write name=value", param=parameter)
        found[name] = value
    return found


def _refused(_: click.Context, parameter: click.Parameter, value: object) -> None:
    if value:
        option = parameter.opts[0]
        raise click.UsageError(f"{option} isn't known to mapred: {REFUSED_OPTIONS[option]}")


def _refusing(command: click.Command) -> click.Command:
    for option in REFUSED_OPTIONS:
        command.params.append(
            click.Option(
                [option, f"refused{option.replace('-', '_')}"],
                hidden=True,
                multiple=True,
                expose_value=False,
                callback=_refused,
            )
        )
    return command


class _WholeWords(click.Command):
    """Names a mistyped -maper as it was typed: click takes it for -m -a -p and so on."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = {name for parameter in self.params for name in parameter.opts}
            for word in typed:
                name = word.partition("=")[0]
                single = len(name) > 2 and name[0] == "-" != name[1]
                if single and name not in known and error.option_name[1:] in name:
                    close = difflib.get_close_matches(name, known)
                    raise click.NoSuchOption(name, possibilities=close, ctx=ctx) from None
            raise


@_refusing
@click.command(cls=_WholeWords)
@click.option(
    "-input",
    "--input",
    "inputs",
    metavar="PATH",
    multiple=True,
    required=True,
    help="A file, directory or glob; several with commas, or by repeating it.",
)
@click.option("-output", "--output", metavar="DIR", help="Must not exist. Without it: stdout.")
@click.option("-mapper", "--mapper", metavar="COMMAND", default="", help="[default: as it is]")
@click.option("-combiner", "--combiner", metavar="COMMAND", default="")
@click.option(
    "-reducer",
    "--reducer",
    metavar="COMMAND",
    default="",
    help="NONE: the mappers' output is the job's. [default: as it is]",
)
@click.option(
    "-file",
    "--file",
    "files",
    metavar="PATH",
    multiple=True,
    help="Sent along: programs find it in their folder.",
)
@click.option(
    "-files",
    "--files",
    "file_lists",
    metavar="PATH[#NAME],…",
    multiple=True,
    help="The same for several, of any storage.",
)
@click.option("-cacheFile", "cache_files", metavar="URI#NAME", multiple=True, hidden=True)
@click.option(
    "-archives",
    "--archives",
    "archive_lists",
    metavar="PATH[#NAME],…",
    multiple=True,
    help="Unpacked into a folder of that name.",
)
@click.option("-cacheArchive", "cache_archives", metavar="URI#NAME", multiple=True, hidden=True)
@click.option(
    "-D",
    "properties",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_assignments,
    help="A property of Hadoop, of the user, or job.NAME of mapred.",
)
@click.option(
    "-jobconf",
    "old_properties",
    metavar="NAME=VALUE",
    multiple=True,
    hidden=True,
    callback=_assignments,
)
@click.option("-numReduceTasks", "--numReduceTasks", "reduces", type=click.IntRange(0))
@click.option(
    "-inputformat",
    "--inputformat",
    "input_format",
    default="TextInputFormat",
    metavar="CLASS",
    help="TextInputFormat, KeyValueTextInputFormat or NLineInputFormat.",
)
@click.option(
    "-outputformat",
    "--outputformat",
    "output_format",
    default="TextOutputFormat",
    metavar="CLASS",
    hidden=True,
)
@click.option(
    "-partitioner",
    "--partitioner",
    metavar="CLASS",
    default="",
    help="HashPartitioner or KeyFieldBasedPartitioner.",
)
@click.option(
    "-cmdenv",
    "--cmdenv",
    "environment",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_assignments,
    help="A variable that programs find.",
)
@click.option(
    "-lazyOutput", "--lazyOutput", "lazy_output", is_flag=True, help="No empty part files."
)
@click.option(
    "-background",
    "--detach",
    "detach",
    is_flag=True,
    help="Print the job's id and don't wait for its end.",
)
@click.option("-verbose", "verbose", is_flag=True, help="Print the job as it is submitted.")
@click.option(
    "-jt",
    "--jobtracker",
    metavar="HOST:PORT|local",
    help="As in mapred submit; local: this machine alone.",
)
@click.option(
    "-fs", "-dfs", "--namenode", "namenode", metavar="HOST:PORT", help="As in mapred submit."
)
@click.option("--local", is_flag=True, help="On this machine alone, whatever runs.")
@click.option("--workers", type=click.IntRange(1), help="As in mapred submit.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no counters.")
@click.option("--json", "as_json", is_flag=True, help="At the end, one JSON object on stdout.")
def streaming(
    inputs: tuple[str, ...],
    output: str | None,
    mapper: str,
    combiner: str,
    reducer: str,
    files: tuple[str, ...],
    file_lists: tuple[str, ...],
    cache_files: tuple[str, ...],
    archive_lists: tuple[str, ...],
    cache_archives: tuple[str, ...],
    properties: dict[str, str],
    old_properties: dict[str, str],
    reduces: int | None,
    input_format: str,
    output_format: str,
    partitioner: str,
    environment: dict[str, str],
    lazy_output: bool,
    detach: bool,
    verbose: bool,
    jobtracker: str | None,
    namenode: str | None,
    local: bool,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run a job whose mapper, combiner and reducer are programs: Hadoop Streaming.

    \b
    mapred streaming -input book.txt -output counts \\
        -mapper 'python3 words.py' -reducer 'python3 sums.py' -file words.py -file sums.py
    mapred streaming -input /logs -output /errors -mapper 'grep ERROR' -reducer NONE
    mapred streaming -D stream.num.map.output.key.fields=2 -D mapreduce.job.reduces=4 …

    A program reads lines on stdin and writes KEY<TAB>VALUE lines to stdout. On stderr
    reporter:counter:GROUP,NAME,AMOUNT and reporter:status:TEXT speak to the engine. Its
    environment has mapreduce_task_id, mapreduce_map_input_file and the like.
    """
    if detach and not output:
        raise CommandError("-background needs -output: nobody waits to print it", REFUSED)
    from mapred.streaming.contract import FILES_FOLDER
    from mapred.streaming.request import Request, meaning_of, missing_inside, missing_programs

    if jobtracker == "local":
        jobtracker, local = None, True
    meaning = meaning_of(
        Request(
            mapper=mapper,
            combiner=combiner,
            reducer=reducer,
            input_format=input_format,
            output_format=output_format,
            partitioner=partitioner,
            reduces=reduces,
            lazy_output=lazy_output,
            properties={**old_properties, **properties},
            environment=environment,
        )
    )
    place = choose(
        jobtracker=jobtracker,
        namenode=_address(namenode),
        local=local,
        workers=workers,
        quiet=quiet,
    )
    if detach and not place.on_cluster:
        raise CommandError(
            "-background needs a cluster: the embedded engine ends with this command", REFUSED
        )
    from mapred.streaming.jobfolder import JOB_CLASS, job_folder
    from mapred.submit import plan

    with (
        terminated_by_signal(),
        contextlib.closing(place.engine()) as engine,
        job_folder(
            meaning,
            [*files, *_listed(file_lists), *cache_files],
            [*_listed(archive_lists), *cache_archives],
        ) as (job_file, meaning),
    ):
        if missing := missing_programs(meaning.contract):
            _complain(missing, on_cluster=place.on_cluster)
        lost, words = missing_inside(meaning.contract, job_file.parent / FILES_FOLDER)
        if lost:
            names = ", ".join(f"'{name}'" for name in lost)
            raise CommandError(f"the folder of {names} is sent along, and hasn't got it", REFUSED)
        for word in () if quiet else words:
            say(f"'{word}' isn't in the folder that is sent along: a program that reads it fails")
        spec = plan(
            f"{job_file}:{JOB_CLASS}",
            [place.canonical(path) for word in inputs for path in _paths(word)],
            output=None if output is None else place.canonical(output),
            params=meaning.settings,
            reducers=meaning.reducers or None,
            default_filesystem=place.default_filesystem,
            workers=place.workers,
        )
        spec = dataclasses.replace(
            spec, name=meaning.name, pool=meaning.pool, priority=meaning.priority
        )
        if verbose:
            click.echo(job_file.read_text(), err=True)
        if place.notice and not quiet:
            say(place.notice)
        if meaning.without_effect and not quiet:
            names = ", ".join(meaning.without_effect)
            say(f"without effect here, but in the programs' environment: {names}")
        return run_to_the_end(
            engine, spec, to_stdout=output is None, detach=detach, quiet=quiet, as_json=as_json
        )


def _address(word: str | None) -> str | None:
    """hdfs://host:port, as Hadoop's -fs has it."""
    return word and re.sub(r"^[a-z]+://", "", word).rstrip("/")


def _listed(words: Sequence[str]) -> list[str]:
    return [path for word in words for path in word.split(",") if path]


def _paths(word: str) -> list[str]:
    """Paths between commas, but for those inside of braces."""
    return [path for path in re.split(r",(?![^{]*\})", word) if path]


def _complain(missing: list[str], *, on_cluster: bool) -> None:
    names = ", ".join(f"'{name}'" for name in missing)
    words = f"no program {names} among the files that are sent along, nor on the PATH here"
    if not on_cluster:
        raise CommandError(f"{words}.\n  Send it along:  -file PATH", REFUSED)
    say(f"{words}: it must be on every worker's PATH")
