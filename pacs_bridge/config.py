"""The configuration: one TOML file in the home, environment on top, one frozen value.

Environment variables override with ``__`` between levels (``PACS_BRIDGE_NODE__PORT=11112``).
Secrets are files in the home, named here, never values. Only `wiring` loads it.

Plain dataclasses, which every process has anyway: a library for settings was 8 MB of each.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pacs_bridge.domain.errors import RefusedInput

_PREFIX = "PACS_BRIDGE_"
_NOT_SETTINGS = {"PACS_BRIDGE_HOME"}
_YES, _NO = frozenset(("true", "yes", "on", "1")), frozenset(("false", "no", "off", "0"))


@dataclass(frozen=True)
class Within:
    """The bounds of a setting, themselves allowed; `most` is None where there is none above."""

    least: float
    most: float | None = None

    def check(self, value: float) -> None:
        """Raise `ValueError` where a value lies outside."""
        if not value >= self.least:
            raise ValueError(f"it must be at least {self.least}")
        if self.most is not None and not value <= self.most:
            raise ValueError(f"it must be at most {self.most}")


Port = Annotated[int, Within(0, 65535)]
Count = Annotated[int, Within(1)]
Positive = Annotated[float, Within(0.001)]


@dataclass(frozen=True)
class NodeConfig:
    """The DICOM node for case sets and marks."""

    ae_title: str = "PACSBRIDGE"
    host: str = "0.0.0.0"  # noqa: S104  a DICOM node is called from other machines
    port: Port = 11112
    tls_port: Port | None = None
    processes: Annotated[int, Within(1, 64)] = 1
    max_associations: Count = 100
    max_object_mb: Count = 64
    max_image_mb: Count = 2048
    keep_free_mb: Annotated[int, Within(0)] = 1024  # of the disk, for marks and the database
    public_host: str = ""  # the address that hospitals call; else this machine's name
    metrics_port: Annotated[int, Within(-1, 65535)] = 0  # on the loopback; 0 any free one, -1 none


@dataclass(frozen=True)
class CollectionConfig:
    """The collecting node; off until a port is set."""

    ae_title: str = "PACSCOLLECT"
    port: int | None = None


@dataclass(frozen=True)
class WebConfig:
    """The web pages."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""


@dataclass(frozen=True)
class DatabaseConfig:
    """Where rows live; empty means a SQLite file in the home."""

    url: str = ""


@dataclass(frozen=True)
class ArchiveConfig:
    """Where objects live: ``file:`` and a folder; empty means ``archive`` in the home."""

    url: str = ""


@dataclass(frozen=True)
class ScoringConfig:
    """The scoring service; empty means the built-in one, on a free port."""

    url: str = ""
    timeout: float = 10.0


@dataclass(frozen=True)
class MailConfig:
    """The mail server; without a host, mails are kept and shown to admins only."""

    host: str = ""
    port: int = 25
    sender: str = "performs@localhost"
    starttls: bool = False


@dataclass(frozen=True)
class SecurityConfig:
    """Session rules, and the repository that the audit trail goes to; without a host, nowhere."""

    idle_minutes: float = 5.0
    cookie_secure: bool = False
    audit_host: str = ""
    audit_port: Annotated[int, Within(1, 65535)] = 6514
    audit_transport: Literal["tls", "tcp", "udp"] = "tls"
    audit_ca: str = ""  # a file in the home, or anywhere by its whole path
    audit_rows: Annotated[int, Within(1_000)] = 500_000  # kept here at most


@dataclass(frozen=True)
class MarksConfig:
    """When a reading is whole, and where the short forms of each PACS's readers stand."""

    settle: Annotated[float, Within(0)] = 60.0
    words: str = "words"  # a folder in the home, or anywhere by its whole path: PACS.toml


@dataclass(frozen=True)
class LoadingConfig:
    """How loads are sent and verified."""

    chunk: Count = 64
    first_verify_seconds: float = 1.0
    retry_seconds: float = 5.0
    max_retry_seconds: float = 900.0
    grace_seconds: float = 900.0
    attempts: Count = 5
    verify_hours: Positive = 24.0  # a ready load is proven anew after so long
    await_minutes: Positive = 15.0  # media are asked for so often
    rehearse_days: Annotated[float, Within(0)] = 3.0  # before a round, with its PACS; 0 never
    withdraw_days: Positive = 28.0  # a set is promised to be gone so long after its round


@dataclass(frozen=True)
class Config:
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

    @property
    def web_dir(self) -> Path:
        """The folder of what we show to PACS with DICOMweb."""
        return self.home / "keys" / "web"

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
        sections = {
            name: _read_section(name, kind, plain.get(name, {}))
            for name, kind in _sections().items()
        }
        return cls(home=home.resolve(), **sections)


def _override(plain: dict[str, Any], path: list[str], value: str) -> None:
    section = plain
    for part in path[:-1]:
        section = section.setdefault(part, {})
    section[path[-1]] = value


def _sections() -> dict[str, type[Any]]:
    return {name: kind for name, kind in get_type_hints(Config).items() if name != "home"}


def _check_keys(plain: dict[str, Any]) -> None:
    """Refuse an unknown key, naming the nearest known one."""
    sections = _sections()
    for section, values in plain.items():
        if section not in sections:
            raise RefusedInput(_unknown(section, list(sections)))
        known = [field.name for field in fields(sections[section])]
        if not isinstance(values, dict):
            raise RefusedInput(f"[{section}] is a section of settings, not one value; mend it.")
        for key in values:
            if key not in known:
                raise RefusedInput(_unknown(f"{section}.{key}", [f"{section}.{k}" for k in known]))


def _unknown(key: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(key, known, 1, 0.0)
    return f"The setting {key} is unknown; did you mean {nearest[0]}?"


def _read_section(name: str, kind: type[Any], values: dict[str, Any]) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    read = {}
    for key, value in values.items():
        try:
            read[key] = _read(hints[key], value)
        except ValueError as error:
            raise RefusedInput(f"The setting {name}.{key} is not usable: {error}.") from error
    return kind(**read)


def _read(hint: Any, value: object) -> Any:
    """Read one value as the file or, always as text, the environment has it."""
    of = get_args(hint)
    if get_origin(hint) in (Union, UnionType):  # of something and None, which is the default
        return _read(of[0], value)
    if get_origin(hint) is Annotated:
        number = _read(of[0], value)
        of[1].check(number)
        return number
    if get_origin(hint) is Literal:
        if value not in of:
            raise ValueError(f"it must be one of {', '.join(of)}")
        return value
    return _READERS[hint](value)


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be text, in quotation marks")  # noqa: TRY004
    return value


def _read_truth(value: object) -> bool:
    word = str(value).lower()
    if word not in _YES | _NO:
        raise ValueError("it must be true or false")
    return word in _YES


def _read_whole(value: object) -> int:
    number = _read_number(value)
    if not number.is_integer():
        raise ValueError("it must be a whole number")
    return int(number)


def _read_number(value: object) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError  # noqa: TRY301, TRY004
        return float(value)  # type: ignore[arg-type]  # what is none raises
    except (TypeError, ValueError, OverflowError):
        raise ValueError("it must be a number") from None


_READERS = {str: _read_text, bool: _read_truth, int: _read_whole, float: _read_number}
