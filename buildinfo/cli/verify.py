"""``verify``: whether two packages are the same, how much so, and why they are not."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from buildinfo.cli.output import complain, put_bytes, show_progress
from buildinfo.cli.streams import (
    by_name,
    is_standard_input,
    keys_in,
    readable,
    require_apart,
    waits,
    writable,
)
from buildinfo.cli.trust import add_trust_options, trusted_keys
from buildinfo.text import named

if TYPE_CHECKING:
    from buildinfo.verify.batch import Progress, RecordsOf
    from buildinfo.verify.report import Report
    from buildinfo.verify.verdict import Verdict

DESCRIPTION = """\
Compares packages with their rebuilds. Says the strongest that holds, and why nothing stronger does:

  identical             the same bytes
  identical-unsigned    the same control and data segments; signatures differ or are missing
  identical-normalized  the same once both are normalized
  payload-identical     the same files and scripts; times, ids, framing or descriptive fields differ
  different             anything else

Exit status: 0 if every pair is as good as --at-least asks, 1 if one is not, 2 if one could not be read.
"""
TOO_MANY = "verify compares two packages or two folders, and more words are given; --batch FILE takes a list of pairs"
"""What to say of words too many."""
_LARGEST_LIST = 64 << 20
"""Most bytes of a list of pairs."""


def configure(parser: argparse.ArgumentParser) -> None:
    from buildinfo.verify.verdict import DEFAULT, Verdict

    parser.description = DESCRIPTION
    parser.add_argument("original", metavar="ORIGINAL", nargs="?", help="a package or a folder; - for standard input")
    parser.add_argument("rebuilt", metavar="REBUILT", nargs="?", help="its rebuild, or the folder of all rebuilds")
    parser.add_argument(
        "--at-least",
        choices=get_args(Verdict),
        default=DEFAULT,
        metavar="VERDICT",
        help="what is good enough; default: %(default)s",
    )
    parser.add_argument(
        "--batch", metavar="FILE", help="compare what a list of original<TAB>rebuilt names; - for stdin"
    )
    parser.add_argument("--format", choices=("text", "json", "html", "sarif"), help="what to write; default: text")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    what = "write the report there, HTML of many pairs as an index and pages; a folder ends with /; default: stdout"
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help=what)
    parser.add_argument("-v", "--verbose", action="store_true", help="in text: list every pair and every difference")
    parser.add_argument(
        "-j", "--jobs", type=_jobs, metavar="N", help="processes; default: all processors if there is much"
    )
    parser.add_argument("--records", action="store_true", help="use the buildinfos that lie beside the packages")
    parser.add_argument("--original-record", metavar="FILE", type=Path, help="the buildinfo of the original's build")
    parser.add_argument("--rebuilt-record", metavar="FILE", type=Path, help="the buildinfo of the rebuild's build")
    add_trust_options(parser)


def run(args: argparse.Namespace) -> int:
    from buildinfo.verify.report import judged

    _require_sense(args)
    args.format = args.format or ("json" if args.json else "text")
    require_apart(args.output, *_inputs(args))
    report = judged(_compare(args, _records(args), _progress(args.quiet)), args.at_least)
    if not (args.quiet and args.format == "text" and args.output == "-"):
        if args.format == "html" and args.output != "-":
            _write_pages(args.output, report, args)
        else:
            _write(args.output, _rendered(report, args))
    for pair in report.pairs:
        if pair.verdict is None:
            complain(pair.error or "could not be compared")
    if any(pair.verdict is None and not pair.refused for pair in report.pairs):
        return 2
    return int(not report.reached)


def _require_sense(args: argparse.Namespace) -> None:
    """Refuses what does not go together."""
    from buildinfo.errors import UsageError

    if args.json and args.format not in (None, "json"):
        raise UsageError(f"--json and --format {args.format} do not go together")
    named = [name for name in (args.original, args.rebuilt) if name is not None]
    if args.batch is not None and named:
        raise UsageError("--batch and packages do not go together")
    if args.batch is None and len(named) != 2:
        raise UsageError("ORIGINAL and REBUILT are needed, or --batch", mend="see abuild-buildinfo verify --help")
    if named == ["-", "-"]:
        raise UsageError("standard input can be read only once")
    if (args.original_record is None) != (args.rebuilt_record is None):
        raise UsageError("--original-record and --rebuilt-record go together")
    if args.records and args.original_record is not None:
        raise UsageError("--records looks for buildinfos, and --original-record names one: use one of them")
    if named and all(_is_record(name) for name in named):
        raise UsageError("these are two buildinfos", mend=f"use abuild-buildinfo compare-records {' '.join(named)}")


def _inputs(args: argparse.Namespace) -> list[str | Path]:
    """Everything that is read, but for what a list names."""
    names = (args.original, args.rebuilt, args.batch, args.original_record, args.rebuilt_record)
    return [*(name for name in names if name is not None), *keys_in(args.keys)]


def _is_record(name: str) -> bool:
    return name.endswith(".buildinfo.toml") and Path(name).is_file()


def _compare(args: argparse.Namespace, records: RecordsOf | None, progress: Progress | None) -> Report:
    from buildinfo.verify.batch import verify, verify_list
    from buildinfo.verify.report import summed_up

    if args.batch is not None:
        with readable(args.batch) as path:
            where = "standard input" if args.batch == "-" else args.batch
            lines = _lines(path, where)
            require_apart(
                args.output, *(name for line in lines for name in line.split("\t") if name and "\0" not in name)
            )
            return verify_list(lines, where, jobs=args.jobs, records=records, progress=progress)
    with ExitStack() as stack:
        original, rebuilt = (stack.enter_context(readable(name)) for name in (args.original, args.rebuilt))
        report = verify(original, rebuilt, jobs=args.jobs, records=records, progress=progress)
        for pair in report.pairs if waits(args.original) or waits(args.rebuilt) else ():
            for side, path, other in (("original", original, rebuilt), ("rebuilt", rebuilt, original)):
                name = getattr(args, side)
                if waits(name):
                    setattr(pair, side, named(name))
                    pair.error = pair.error and by_name(pair.error, path, name)
                if name == "-":
                    pair.same_file = pair.same_file or (pair.verdict is not None and is_standard_input(other))
            report = summed_up(report.pairs)
        return report


def _lines(path: Path, where: object) -> list[str]:
    """The lines of a list. Names of files need not be text."""
    from buildinfo.errors import FormatError, UnreadableError
    from buildinfo.opening import read_file

    try:
        data = read_file(path, _LARGEST_LIST)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=where) from error
    if len(data) > _LARGEST_LIST:
        raise FormatError(f"a list of more than {_LARGEST_LIST} bytes", where=where)
    return os.fsdecode(data).split("\n")


def _records(args: argparse.Namespace) -> RecordsOf | None:
    """What finds the buildinfos of a pair, where they are asked for."""
    from functools import partial

    from buildinfo.errors import UsageError

    keys = trusted_keys(args)
    if not args.records and args.original_record is None:
        if keys is not None:
            raise UsageError("--require-signature is about buildinfos", mend="name them, or add --records")
        return None
    from buildinfo import document
    from buildinfo.verify.recorded import RecordsBeside
    from buildinfo.verify.records import related

    read = partial(document.read, keys=keys)
    if args.records:
        return RecordsBeside(read)
    given = related(read(args.original_record), read(args.rebuilt_record))
    return lambda original, rebuilt: given


def _rendered(report: Report, args: argparse.Namespace) -> str:
    bar: Verdict = args.at_least
    if args.format == "json":
        from buildinfo.verify.report import to_json

        return to_json(report)
    if args.format == "html":
        from buildinfo.verify.reports import html

        return html.render(report, bar)
    if args.format == "sarif":
        from buildinfo.verify.reports import sarif

        return sarif.render(report, bar)
    from buildinfo.cli.terminal import columns
    from buildinfo.verify.reports import plain as text

    terminal = args.output == "-" and sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return text.render(report, bar, verbose=args.verbose, width=columns(100), colour=colour)


def _write_pages(name: str, report: Report, args: argparse.Namespace) -> None:
    """Writes a report as HTML: a file; of many pairs an index, and pages in a folder beside it."""
    from buildinfo.cli.outputs import is_special, own_folder
    from buildinfo.verify.reports import html_pages

    path = Path(name)
    if name.endswith("/") or path.is_dir():
        path.mkdir(exist_ok=True)
        path = path / "index.html"
    if len(report.pairs) <= html_pages.FEW or is_special(str(path)):
        _write(str(path), _rendered(report, args))
        return
    folder = path.with_name("pages" if path.name == "index.html" else f"{path.stem}.pages")
    own_folder(folder)
    written = set()
    for place, text in html_pages.pages(report, args.at_least, path.name, folder.name):
        _write(str(path.parent / place), text)
        written.add(path.parent / place)
    for left in folder.glob("*.html"):
        # Of a report with more pages; what somebody else put there stays.
        if left not in written and html_pages.PAGE_NAME(left.name) and _is_page(left):
            left.unlink()


def _is_page(path: Path) -> bool:
    """Whether a file is a page of a report."""
    from buildinfo.opening import read_file
    from buildinfo.verify.reports.html_pages import SIGN

    try:
        return SIGN in read_file(path, _LARGEST_LIST, follow=False)
    except OSError:
        return False


def _write(name: str, text: str) -> None:
    """Writes a report; a file is there whole or not at all, a device or pipe is written to."""
    from buildinfo.files import replace_file

    data = text.encode("utf-8", "backslashreplace")
    if name == "-":
        put_bytes(data)
        return
    with writable(name) as path:
        replace_file(path, data)


def _progress(quiet: bool) -> Progress | None:
    """Counts the pairs on standard error, where that is a terminal."""
    if quiet or not sys.stderr.isatty():
        return None

    def count(done: int, total: int) -> None:
        if total > 1:
            show_progress("" if done == total else f"{done} of {total} pairs")

    return count


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1024):
        raise argparse.ArgumentTypeError("not a number of processes")
    return int(text)
