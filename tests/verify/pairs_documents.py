"""Pairs of documents that tell when they were made: manual pages, HTML, PostScript, PDF."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pairs_archives import JAVA
from pairs_making import LATER, Factor, Place, at, files, run
from pairs_packing import EPOCH
from pairs_tree import prose, put

POD = f"""\
=head1 NAME

hello - says hello

=head1 SYNOPSIS

B<hello> [B<-v>] [I<NAME>]...

=head1 DESCRIPTION

{prose(30, 40)}
=head1 HISTORY

hello first appeared on 3 February 1999.

=cut
"""
SAID = """\
#!/bin/sh
case $1 in
--version) echo 'hello {version}' ;;
*) printf 'Usage: hello [OPTION] [NAME]...\\nSay hello.\\n\\n  -v, --version  {text}\\n' ;;
esac
"""
MAN1, HTML, DOC = "usr/share/man/man1", "usr/share/doc/hello/html", "usr/share/doc/hello"
TIMES = (EPOCH, LATER)


def moment(time: int, form: str) -> str:
    return datetime.fromtimestamp(time, UTC).strftime(form)


def pod(tree: Path, work: Path, time: int, *, text: str = POD, packed: bool = False) -> None:
    """pod2man takes the date from the file, where no SOURCE_DATE_EPOCH is."""
    source = put(work / "hello.pod", text)
    os.utime(source, (time, time))
    made = run("pod2man", "--release=1.2", "--center=hello", "hello.pod", cwd=work, SOURCE_DATE_EPOCH=None)
    name = f"{MAN1}/hello.1{'.gz' * packed}"
    put(tree / name, run("gzip", "-9n", cwd=work, stdin=made) if packed else made)


def help2man(tree: Path, work: Path, time: int, *, version: str = "1.2", text: str = "tell the version") -> None:
    put(work / "hello", SAID.format(version=version, text=text), 0o755)
    put(tree / MAN1 / "hello.1", run("help2man", "-N", "./hello", cwd=work, SOURCE_DATE_EPOCH=str(time)))


def docbook(tree: Path, work: Path, time: int, *, text: str = "") -> None:
    """As docbook-xsl's `manpages/docbook.xsl` begins a page; the processor is not run."""
    date = moment(time, "%m/%d/%Y")
    page = (
        '\'\\" t\n.\\"     Title: hello\n.\\"    Author: Ann Example\n'
        f'.\\" Generator: DocBook XSL Stylesheets vsnapshot <http://docbook.sf.net/>\n.\\"      Date: {date}\n'
        '.\\"    Manual: hello\n.\\"    Source: hello 1.2\n.\\"  Language: English\n.\\"\n'
        f'.TH "HELLO" "1" "{date}" "hello 1\\&.2" "hello"\n'
        f".SH NAME\nhello \\- says hello\n.SH DESCRIPTION\n.PP\n{text}{prose(20, 41)}"
    )
    put(tree / MAN1 / "hello.1", page)


def postscript(tree: Path, work: Path, time: int, *, text: str = "") -> bytes:
    source = f".ce\nhello\n.sp\nAnn Example\n.sp 2\n{text}{prose(12, 42)}".encode()
    made = run("groff", "-Tps", cwd=work, stdin=source, SOURCE_DATE_EPOCH=str(time))
    put(tree / DOC / "hello.ps", made)
    return made


def pdf(tree: Path, work: Path, time: int, *, text: str = "") -> None:
    """By Ghostscript, which writes the date four times, and names the document after it."""
    put(work / "hello.ps", postscript(work / "unused", work, EPOCH, text=text))
    quiet = ("-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=pdfwrite", "-sOutputFile=hello.pdf")
    at(time, "gs", *quiet, "hello.ps", cwd=work, SOURCE_DATE_EPOCH=str(time))
    put(tree / DOC / "hello.pdf", (work / "hello.pdf").read_bytes())


def javadoc(tree: Path, work: Path, time: int, *, java: str = JAVA) -> None:
    put(work / "Hello.java", java)
    at(
        time,
        "javadoc",
        "-quiet",
        "-Xdoclint:none",
        "-nodeprecatedlist",
        "-noindex",
        "-notree",
        "-nohelp",
        "-J-XX:TieredStopAtLevel=1",
        "-d",
        "html",
        "Hello.java",
        cwd=work,
    )
    for page in sorted((work / "html").rglob("*.html")):
        put(tree / HTML / page.relative_to(work / "html"), page.read_bytes())


def doxygen(tree: Path, work: Path, time: int, *, brief: str = "Says hello.") -> None:
    put(
        work / "hello.c",
        f"/** @file\n * {brief}\n */\n\n/** Greets. @param n how often */\nint greet(int n) {{ return n; }}\n",
    )
    off = ("GENERATE_LATEX", "SEARCHENGINE", "HAVE_DOT", "WARNINGS")
    on = ("HTML_TIMESTAMP", "QUIET", "EXTRACT_ALL")
    put(
        work / "Doxyfile",
        "INPUT = hello.c\n" + "".join(f"{key} = NO\n" for key in off) + "".join(f"{key} = YES\n" for key in on),
    )
    run("doxygen", cwd=work, SOURCE_DATE_EPOCH=str(time))
    for page in sorted((work / "html").glob("*.html")):
        put(tree / HTML / page.name, page.read_bytes())


def sphinx(tree: Path, work: Path, time: int, *, text: str = "") -> None:
    """As the footer of Sphinx' basic theme (`layout.html`, `html_last_updated_fmt`); Sphinx is not run."""
    paragraphs = "".join(f"<p>{line}</p>\n" for line in (text + prose(40, 43)).splitlines())
    page = (
        f'<!DOCTYPE html>\n\n<html lang="en">\n  <head>\n    <title>hello &#8212; hello 1.2 documentation</title>\n'
        f'  </head><body>\n  <section id="hello">\n<h1>hello</h1>\n{paragraphs}</section>\n'
        '    <div class="footer" role="contentinfo">\n'
        f"    &#169; Copyright 2024, Ann Example.\n      Last updated on {moment(time, '%b %d, %Y')}.\n"
        '      Created using <a href="https://www.sphinx-doc.org/">Sphinx</a> 7.2.6.\n    </div>\n  </body>\n</html>\n'
    )
    put(tree / HTML / "index.html", page)


def dates(make: Callable[[Path, Path, int], object]) -> Place:
    """Made at two times."""
    return lambda tree, work, second: make(tree, work, TIMES[second])


DOCUMENT = "document-date"
HISTORY = "3 February 1999"

FACTORS: tuple[Factor, ...] = (
    files(DOCUMENT, "pod2man: .TH", dates(pod), needs=("pod2man",)),
    files(
        DOCUMENT,
        "pod2man: .TH, compressed",
        dates(lambda tree, work, time: pod(tree, work, time, packed=True)),
        needs=("pod2man",),
    ),
    files(
        DOCUMENT,
        "help2man: .TH",
        lambda tree, work, second: help2man(tree, work, EPOCH + 40 * 86400 * second),
        needs=("help2man",),
    ),
    files(DOCUMENT, "DocBook: Date and .TH", dates(docbook)),
    files(DOCUMENT, "groff: %%CreationDate", dates(postscript), needs=("groff",)),
    files(DOCUMENT, "Ghostscript: CreationDate, ModDate, ID, XMP", dates(pdf), needs=("groff", "gs", "faketime")),
    files(DOCUMENT, "javadoc: comment and dc.created", dates(javadoc), needs=("javadoc", "faketime")),
    files(DOCUMENT, "Doxygen: footer", dates(doxygen), needs=("doxygen",)),
    files(DOCUMENT, "Sphinx: footer", dates(sphinx)),
)

NEAR: tuple[Factor, ...] = (
    files(
        DOCUMENT,
        "a date in the text of a manual page",
        lambda tree, work, second: pod(tree, work, EPOCH, text=POD.replace(HISTORY, "4 March 1998") if second else POD),
        needs=("pod2man",),
    ),
    files(
        DOCUMENT,
        "a version in .TH",
        lambda tree, work, second: help2man(tree, work, EPOCH, version=("1.2", "1.3")[second]),
        needs=("help2man",),
    ),
    files(
        DOCUMENT,
        "a word in a manual page that has a date",
        lambda tree, work, second: docbook(tree, work, EPOCH, text=("It is kind.\n", "It is nice.\n")[second]),
    ),
    files(
        DOCUMENT,
        "a word in a PostScript file",
        lambda tree, work, second: postscript(tree, work, EPOCH, text=("It is kind.\n", "It is nice.\n")[second]),
        needs=("groff",),
    ),
    files(
        DOCUMENT,
        "javadoc: a comment",
        lambda tree, work, second: javadoc(
            tree, work, EPOCH, java=JAVA.replace("Says hello", ("Says hello", "Tells hello")[second])
        ),
        needs=("javadoc", "faketime"),
    ),
    files(
        DOCUMENT,
        "Doxygen: a date that the source tells",
        lambda tree, work, second: doxygen(
            tree, work, EPOCH, brief=f"Says hello since {('May 1998', 'June 1998')[second]}."
        ),
        needs=("doxygen",),
    ),
)
