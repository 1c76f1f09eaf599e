"""The options of `pacs add` for a PACS that speaks DICOMweb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pacs_bridge.domain.pacs import Pacs
    from pacs_bridge.services.pacs import PacsSettings
    from pacs_bridge.wiring.installation import Installation

_PANEL = "DICOMweb"

Dicomweb = Annotated[
    str | None,
    typer.Option(
        "--dicomweb",
        metavar="URL",
        help="The address of its DICOMweb service, above /studies.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
WebRole = Annotated[
    list[str] | None,
    typer.Option(
        "--web-role",
        help="What is asked by DICOMweb where the PACS speaks DIMSE too: store, query or "
        "retrieve; may be repeated.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
AuthHeaderFile = Annotated[
    Path | None,
    typer.Option(
        "--auth-header-file",
        help="A file with the one header line it wants to see: Authorization: Bearer ...",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
ClientCertificate = Annotated[
    Path | None,
    typer.Option(
        "--client-certificate",
        help="Our certificate towards it (PEM).",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
ClientKey = Annotated[
    Path | None,
    typer.Option(
        "--client-key",
        help="The key of that certificate, where it is not in the same file.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Authority = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        help="Who signs its certificate (PEM), where no public authority does.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]


@dataclass(frozen=True)
class WebOptions:
    """What was given of them."""

    url: str | None
    roles: list[str] | None
    header: Path | None
    certificate: Path | None
    key: Path | None
    authority: Path | None

    def check(self) -> None:
        """Refuse the others without the address."""
        if self.url is None and any(
            (self.roles, self.header, self.certificate, self.key, self.authority)
        ):
            raise typer.BadParameter("that is of DICOMweb: give --dicomweb URL too")

    def add(self, name: str, installation: Installation, settings: PacsSettings) -> Pacs:
        """Register a PACS that speaks DICOMweb only."""
        from pacs_bridge.services.pacs_web import add_web_pacs, parse_url

        assert self.url is not None
        if self.roles:
            raise typer.BadParameter("--web-role parts roles between DICOMweb and DIMSE")
        url, _, _ = parse_url(self.url, plain=settings.plain)
        self._keep(name, url, installation)
        begin, now = installation.begin, installation.now
        return add_web_pacs(name, url=url, settings=settings, begin=begin, now=now)

    def add_roles(self, pacs: Pacs, installation: Installation, *, plain: bool) -> Pacs:
        """Have some roles of a PACS by DICOMweb, where an address is given."""
        from pacs_bridge.services.pacs_web import add_web_roles, drop_access, parse_url

        if self.url is None:
            drop_access(installation.config.web_dir, pacs.name)
            return pacs
        url, _, _ = parse_url(self.url, plain=plain)
        self._keep(pacs.name, url, installation)
        return add_web_roles(
            pacs.name,
            url=url,
            roles=self.roles or ("query", "retrieve"),
            plain=plain,
            begin=installation.begin,
            now=installation.now,
        )

    def _keep(self, name: str, url: str, installation: Installation) -> None:
        from pacs_bridge.services.pacs_web import AccessFiles, keep_access

        files = AccessFiles(self.header, self.certificate, self.key, self.authority)
        keep_access(installation.config.web_dir, name, url, files)
