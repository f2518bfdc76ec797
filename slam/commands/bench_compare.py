"""``slam bench compare``: what changed between two folders of results beyond noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slam.evaluation.suite.records import SuiteResults


def compare_command(
    before: Annotated[Path, typer.Argument(metavar="A", help="Folder of results, as `slam bench SUITE` leaves it.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The folder that is judged against it.")],
    html: Annotated[Path | None, typer.Option(help="Page with every figure.")] = None,
    with_all: Annotated[bool, typer.Option("--all", help="Print what did not change, too.")] = False,
    fail_on_worse: Annotated[
        bool, typer.Option("--fail-on-worse", help="Exit code 1 if anything got worse beyond noise.")
    ] = False,
) -> None:
    """Say what changed between two folders of results beyond noise, and what else differs between them."""
    from slam.evaluation.suite.compare import compare
    from slam.evaluation.suite.compare_tables import comparison_text, write_comparison_page

    first, second = _results(before), _results(after)
    found = compare(first, second)
    typer.echo(comparison_text(found, first, second, with_all))
    if html is not None:
        write_comparison_page(html, found, first, second)
        typer.echo(f"page: {html}")
    if fail_on_worse and found.is_worse:
        raise typer.Exit(1)


def _results(folder: Path) -> SuiteResults:
    from slam.errors import ConfigError
    from slam.evaluation.suite.records import read_results

    try:
        return read_results(folder / "results.json")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{folder}: holds no results.json of `slam bench SUITE` ({error}); name its folder") from None
