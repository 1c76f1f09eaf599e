"""The options that registering and changing a PACS share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="The PACS's name here.", show_default=False)]
AeTitle = Annotated[str | None, typer.Option("--aet", help="Its AE title.", show_default=False)]
Host = Annotated[str | None, typer.Option("--host", help="Its host.", show_default=False)]
Port = Annotated[int | None, typer.Option("--port", help="Its DICOM port.", show_default=False)]
OurAeTitle = Annotated[
    str | None, typer.Option("--our-aet", help="Our own AE title towards it.", show_default=False)
]
Tls = Annotated[
    bool | None,
    typer.Option("--tls/--plain", help="Encrypted, or allowed without.", show_default=False),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        "--certificate", help="For TLS: the certificate that it shows.", show_default=False
    ),
]
