"""Man pages and shell completions, made from the program's own parsers, so that they cannot lag behind them.

A tool of the source tree (`make manual`, and every build of a wheel): it is not installed, and needs nothing but the
standard library, since a wheel is built where nothing else is.
"""

from __future__ import annotations


def completions() -> dict[str, str]:
    """The completions: path below share/ -> content."""
    from buildinfo.cli.manual import bash, fish, zsh
    from buildinfo.cli.manual.tree import program

    tree = program()
    return {
        "bash-completion/completions/abuild-buildinfo": bash.script(tree),
        "fish/vendor_completions.d/abuild-buildinfo.fish": fish.script(tree),
        "zsh/site-functions/_abuild-buildinfo": zsh.script(tree),
    }


def pages() -> dict[str, str]:
    """The man pages, for scdoc: name of the page -> source."""
    from buildinfo.cli.manual.pages import sources

    return sources()
