"""How the project's commands look and speak."""

from __future__ import annotations

import typer
from rich.console import Console

console = Console(stderr=True, highlight=False)
# piped into a log there is no terminal to fit in
if not console.is_terminal:
    console.width = 120


def application(about: str) -> typer.Typer:
    """An application with commands, of which `about` is the help."""
    return typer.Typer(
        help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )


def stop(message: str) -> typer.Exit:
    """Say why nothing more is done; to be raised, and ends with status 1."""
    # a server's or file's own words may hold brackets, which are no markup
    console.print("[bold red]Stopped:[/] ", end="")
    console.print(message, soft_wrap=True, markup=False)
    return typer.Exit(1)
