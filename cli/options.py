"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[Path, typer.Option("--data", help="The data directory.", metavar="DIR")]
ApiOption = Annotated[
    str, typer.Option("--api", envvar="IGNY8_API", help="The gateway; by default what runs here.", metavar="URL")
]
KeyOption = Annotated[str, typer.Option("--key", envvar="IGNY8_API_KEY", help="An API key.", metavar="KEY")]
OperatorKeyOption = Annotated[
    str,
    typer.Option(
        "--operator-key",
        envvar="IGNY8_OPERATOR_KEY",
        help="An operator's key; by default that of what runs here.",
        metavar="KEY",
    ),
]
SiteOption = Annotated[
    str, typer.Option("--site", envvar="IGNY8_SITE", help="The site's id; not needed with one site.", metavar="SITE")
]
RunArgument = Annotated[
    str, typer.Argument(help="The run's name or id; not needed where only one can be meant.", metavar="RUN")
]
