"""``normalize``: packages, archives and trees become deterministic."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildinfo.cli.output import complain, tell, tell_json
from buildinfo.cli.streams import readable, require_apart, waits, writable

if TYPE_CHECKING:
    from buildinfo.normalize.paths import FileResult

DESCRIPTION = """\
Makes packages, archives and the files of a tree deterministic, in place: the same content, the same bytes.

By default only leaks are removed: times after the epoch, process ids, inode numbers and the like. With
--handlers all the content is brought to its canonical form as well: pigz -9n framing, member order, end blocks.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("paths", metavar="PATH", nargs="*", help="a file or a folder; - for standard input")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything would change")
    parser.add_argument(
        "--epoch", type=_seconds, metavar="N", help="default: a package's builddate, else SOURCE_DATE_EPOCH"
    )
    parser.add_argument(
        "--timestamps", choices=("clamp", "set"), default="clamp", help="lower later times to the epoch, or set all"
    )
    parser.add_argument(
        "--handlers", default="leaks", metavar="leaks|all|[+-]NAME,...", help="what to apply; --list names all"
    )
    parser.add_argument(
        "--keep-path",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave files of such paths alone, as in usr/*.zip",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the result there, for a single PATH; - for stdout"
    )
    parser.add_argument("-j", "--jobs", type=_jobs, metavar="N", help="how many processors to use; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="name every file, also those that stay as they are"
    )
    parser.add_argument("--list", action="store_true", help="print the table of handlers, and stop")


def run(args: argparse.Namespace) -> int:
    from buildinfo.errors import UsageError
    from buildinfo.normalize.paths import Request, find_files, normalize_file
    from buildinfo.normalize.registry import TABLE, select

    if args.list:
        for row in TABLE:
            tell(f"{row.name:<9} leaks: {row.leaks or '-'}; canonical form: {row.forms or '-'}")
        return 0
    if not args.paths:
        raise UsageError("no PATH is given", mend="see abuild-buildinfo normalize --help")
    select(args.handlers, 0)
    jobs = args.jobs or len(os.sched_getaffinity(0))
    request = Request(
        args.handlers, args.timestamps, args.epoch, _environment_epoch(), args.check, jobs, tuple(args.keep_path)
    )
    paths = [Path(name) for name in args.paths]
    with _streams(args) as (single, output):
        if single is not None:
            _require_single(args, single)
            results = iter([_named(normalize_file(single, request, output=output), single, args.paths[0])])
        else:
            from buildinfo.normalize.tree import normalize_files

            results = normalize_files(find_files(paths), request, jobs)
        return _report(results, args, named=set(args.paths), quiet=_to_stdout(args))


def _report(results: Iterator[FileResult], args: argparse.Namespace, named: set[str], quiet: bool) -> int:
    """Print what became of each file that something was done to or found out about, and count all.

    Args:
        named: the paths of the command line, which JSON always lists.
        quiet: the result itself goes to standard output, so that nothing else may.
    """
    documents: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    told = 0
    for done in results:
        counts[done.result] = counts.get(done.result, 0) + 1
        if args.json:
            if done.result != "unchanged" or done.path in named or done.skipped:
                documents.append(_document(done))
        elif not quiet:
            lines = list(_lines(done, verbose=args.verbose))
            told += bool(lines)
            for line in lines:
                tell(line)
        if done.result == "error":
            complain(str(done.reason))
    if args.json:
        tell_json({"files": documents, "summary": counts})
    elif not (args.quiet or quiet or _is_said(counts, told)):
        sys.stdout.flush()
        tell(_summary(counts), beside=True)  # standard output is a list of files
    if "error" in counts:
        return 2
    return int("would-change" in counts)


def _lines(done: FileResult, *, verbose: bool) -> Iterator[str]:
    """What to say of a file: nothing where nothing was to do."""
    if done.result in ("changed", "would-change", "left-alone") or (verbose and done.result != "error"):
        yield f"{done.path}: {done.result.replace('-', ' ')}{f': {done.reason}' if done.reason else ''}"
    for skipped in done.skipped:
        if skipped.path:
            yield f"{done.path}: {skipped.path}: left alone: {skipped.reason}"


def _is_said(counts: dict[str, int], told: int) -> bool:
    """Whether a summary adds nothing, or comes behind an error where a program expects a line for that and no more."""
    if "error" in counts and not sys.stderr.isatty():
        return True
    return bool(told) and sum(counts.values()) == 1


def _summary(counts: dict[str, int]) -> str:
    """One line on all files."""
    total = sum(counts.values())
    order = ("changed", "would-change", "left-alone", "error", "unchanged")
    words = [f"{counts[name]} {name.replace('-', ' ')}" for name in order if name in counts]
    return f"{total} file{'' if total == 1 else 's'}{': ' if words else ''}{', '.join(words)}"


def _document(done: FileResult) -> dict[str, Any]:
    return {
        "path": done.path,
        "result": done.result,
        "reason": done.reason,
        "changes": [change._asdict() for change in done.changes],
        "left_alone": [skipped._asdict() for skipped in done.skipped],
    }


@contextmanager
def _streams(args: argparse.Namespace) -> Iterator[tuple[Path | None, Path | None]]:
    """The single file to read and the file to write, where --output or standard input is used; else None."""
    if args.output is None and not any(map(waits, args.paths)):
        yield None, None
        return
    from buildinfo.errors import UsageError

    _require_single(args)
    if args.json and _to_stdout(args) and not args.check:
        raise UsageError("--json and the result cannot both go to standard output", mend="use --output FILE")
    require_apart(args.output, *args.paths)
    with readable(args.paths[0]) as source, writable("-" if _to_stdout(args) else args.output) as target:
        yield source, target


def _to_stdout(args: argparse.Namespace) -> bool:
    return args.output in ("-", "/dev/stdout") or (args.output is None and waits(args.paths[0]))


def _named(done: FileResult, path: Path, name: str) -> FileResult:
    """The result under the name that the user gave: standard input waits in a file."""
    return done._replace(path=name, reason=done.reason and done.reason.replace(str(path), name))


def _require_single(args: argparse.Namespace, path: Path | None = None) -> None:
    from buildinfo.errors import UsageError

    if len(args.paths) != 1:
        raise UsageError("--output and - go with a single PATH")
    if path is not None and path.is_dir():
        raise UsageError("--output goes with a file, not with a folder", where=path)


def _environment_epoch() -> int | None:
    from buildinfo.errors import UsageError

    text = os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    try:
        return _seconds(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"SOURCE_DATE_EPOCH is {text[:40]!r}, {error}") from None


def _seconds(text: str) -> int:
    """A number of seconds since 1970 that every format can hold as far as it can hold any."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise argparse.ArgumentTypeError("not a number of seconds since 1970")
    return int(text)


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1024):
        raise argparse.ArgumentTypeError("not a number of processors")
    return int(text)
