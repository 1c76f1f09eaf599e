"""The configuration: one TOML file in the home, environment on top, one frozen value.

Environment variables override with ``__`` between levels (``PACS_BRIDGE_NODE__PORT=11112``).
Secrets are files in the home, named here, never values. Only `wiring` loads it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pacs_bridge.domain.errors import RefusedInput

_PREFIX = "PACS_BRIDGE_"
_NOT_SETTINGS = {"PACS_BRIDGE_HOME"}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeConfig(_Section):
    """The DICOM node for case sets and marks."""

    ae_title: str = "PACSBRIDGE"
    host: str = "0.0.0.0"  # noqa: S104  a DICOM node is called from other machines
    port: int = Field(11112, ge=0, le=65535)
    tls_port: int | None = Field(None, ge=0, le=65535)
    processes: int = Field(1, ge=1, le=64)
    max_associations: int = Field(100, ge=1)
    max_object_mb: int = Field(64, ge=1)
    max_image_mb: int = Field(2048, ge=1)
    keep_free_mb: int = Field(1024, ge=0)  # of the archive's disk, for marks and the database
    public_host: str = ""  # the address that hospitals call; else this machine's name
    metrics_port: int = Field(0, ge=-1, le=65535)  # on the loopback; 0 any free one, -1 none


class CollectionConfig(_Section):
    """The collecting node; off until a port is set."""

    ae_title: str = "PACSCOLLECT"
    port: int | None = None


class WebConfig(_Section):
    """The web pages."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str = ""


class DatabaseConfig(_Section):
    """Where rows live; empty means a SQLite file in the home."""

    url: str = ""


class ArchiveConfig(_Section):
    """Where objects live: ``file:`` and a folder; empty means ``archive`` in the home."""

    url: str = ""


class ScoringConfig(_Section):
    """The scoring service; empty means the built-in one, on a free port."""

    url: str = ""
    timeout: float = 10.0


class MailConfig(_Section):
    """The mail server; without a host, mails are kept and shown to admins only."""

    host: str = ""
    port: int = 25
    sender: str = "performs@localhost"
    starttls: bool = False


class SecurityConfig(_Section):
    """Session rules, and the repository that the audit trail goes to; without a host, nowhere."""

    idle_minutes: float = 5.0
    cookie_secure: bool = False
    audit_host: str = ""
    audit_port: int = Field(6514, ge=1, le=65535)
    audit_transport: Literal["tls", "tcp", "udp"] = "tls"
    audit_ca: str = ""  # a file in the home, or anywhere by its whole path
    audit_rows: int = Field(500_000, ge=1_000)  # kept here at most


class MarksConfig(_Section):
    """When a reading is whole."""

    settle: float = Field(60.0, ge=0)


class LoadingConfig(_Section):
    """How loads are sent and verified."""

    chunk: int = Field(16, ge=1)
    first_verify_seconds: float = 1.0
    retry_seconds: float = 5.0
    max_retry_seconds: float = 900.0
    grace_seconds: float = 900.0
    attempts: int = Field(5, ge=1)
    verify_hours: float = Field(24.0, gt=0)  # a ready load is proven anew after so long
    await_minutes: float = Field(15.0, gt=0)  # media are asked for so often


class Config(_Section):
    """Everything that can be set, read once at start and passed in."""

    home: Path
    node: NodeConfig = NodeConfig()
    collection: CollectionConfig = CollectionConfig()
    web: WebConfig = WebConfig()
    database: DatabaseConfig = DatabaseConfig()
    archive: ArchiveConfig = ArchiveConfig()
    scoring: ScoringConfig = ScoringConfig()
    mail: MailConfig = MailConfig()
    security: SecurityConfig = SecurityConfig()
    marks: MarksConfig = MarksConfig()
    loading: LoadingConfig = LoadingConfig()

    @property
    def database_url(self) -> str:
        """The database, as a SQLAlchemy URL."""
        return self.database.url or f"sqlite:///{self.home / 'pacs_bridge.sqlite'}"

    @property
    def archive_dir(self) -> Path:
        """The folder of the local archive."""
        url = self.archive.url
        return Path(url.removeprefix("file:")) if url else self.home / "archive"

    @property
    def tls_dir(self) -> Path:
        """The folder of our certificate for TLS, its key, and whom we trust."""
        return self.home / "keys" / "tls"

    def secret(self, name: str) -> bytes:
        """Read one secret from ``keys/`` of the home; refuses where `init` has not run."""
        path = self.home / "keys" / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise RefusedInput(
                f"The key file {path.name} is missing; run `pacs-bridge init` first."
            ) from error

    @classmethod
    def load(cls, home: Path) -> Config:
        """Read ``config.toml`` of a home and the environment.

        Raises
        ------
        RefusedInput
            When there is no home, the file is no TOML, a key is unknown (the nearest known
            one is named) or a value has the wrong form.
        """
        path = home / "config.toml"
        if not path.is_file():
            raise RefusedInput(
                f"There is no pacs_bridge home at {home}; make one with `pacs-bridge init`."
            )
        try:
            plain: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RefusedInput(
                f"config.toml is not valid TOML ({error}); mend that line."
            ) from error
        for name, value in os.environ.items():
            if name.startswith(_PREFIX) and name not in _NOT_SETTINGS:
                _override(plain, name.removeprefix(_PREFIX).lower().split("__"), value)
        _check_keys(plain)
        try:
            return cls(home=home.resolve(), **plain)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise RefusedInput(f"The setting {place} is not usable: {first['msg']}.") from error


def _override(plain: dict[str, Any], path: list[str], value: str) -> None:
    section = plain
    for part in path[:-1]:
        section = section.setdefault(part, {})
    section[path[-1]] = value


def _check_keys(plain: dict[str, Any]) -> None:
    """Refuse an unknown key, naming the nearest known one."""
    fields = {name: f for name, f in Config.model_fields.items() if name != "home"}
    for section, values in plain.items():
        if section not in fields:
            raise RefusedInput(_unknown(section, list(fields)))
        known = list(fields[section].annotation.model_fields)  # type: ignore[union-attr]  # every section is a model
        if not isinstance(values, dict):
            raise RefusedInput(f"[{section}] is a section of settings, not one value; mend it.")
        for key in values:
            if key not in known:
                raise RefusedInput(_unknown(f"{section}.{key}", [f"{section}.{k}" for k in known]))


def _unknown(key: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(key, known, 1, 0.0)
    return f"The setting {key} is unknown; did you mean {nearest[0]}?"
