"""Making a home: configuration, keys, database, first administrator."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pacs_bridge.config import Config
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.people import Role
from pacs_bridge.wiring.installation import Installation

CONFIG = """\
# The settings of this installation. Every one of them may also come from the environment:
# PACS_BRIDGE_NODE__PORT=11112 sets port in [node]. A commented line shows the default.

[node]
# ae_title = "PACSBRIDGE"   # what hospital PACS call us
# host = "0.0.0.0"
# port = 11112
# tls_port = 2762           # a second port, for TLS; see `pacs-bridge certs`
# max_object_mb = 64
# metrics_port = 0          # /metrics for a monitor on this machine; 0 any free port, -1 none

[web]
# host = "127.0.0.1"
# port = 8080
# public_url = ""           # the address people see, for mails: "https://performs.example"

[database]
# url = ""                  # empty: a SQLite file in this folder; see docs/database.md

[scoring]
# url = ""                  # empty: the built-in scorer

[mail]
# host = ""                 # empty: mails are kept, and shown to administrators
# port = 25
# sender = "performs@localhost"

[security]
# idle_minutes = 5.0
# cookie_secure = false     # true behind HTTPS
# audit_host = ""           # a syslog server for the audit trail; empty: it stays here
# audit_port = 6514
# audit_transport = "tls"   # or "tcp", "udp"
# audit_ca = ""             # who may name it (PEM); empty: whom this machine trusts
# audit_rows = 500000       # messages kept here; the oldest go first, and that is said

[marks]
# settle = 60.0             # seconds of silence after which a reading closes

[loading]
# chunk = 64                # images on one association
# retry_seconds = 5.0
# grace_seconds = 900.0     # how long a PACS may take to index
# rehearse_days = 3.0       # how long before a round its PACS are rehearsed with; 0 never
# withdraw_days = 28.0      # how long after its round a set is promised to be gone
"""
KEYS = ("passport_ed25519", "uid_hmac", "scoring_hmac", "alien_hmac", "audit_hmac", "web_secret")
ADMIN = "admin@localhost"
PASSWORD_FILE = "first-administrator.txt"  # noqa: S105  a file's name


def make_home(home: Path) -> Installation:
    """Make a home in an empty or missing folder; repeat it to bring one up to date.

    Keys and settings that are there stay; the database is brought to this version.

    Raises
    ------
    RefusedInput
        When the folder holds something else.
    """
    if home.exists() and not home.is_dir():
        raise RefusedInput(f"{home} is a file; give a folder for the home.")
    if home.is_dir() and any(home.iterdir()) and not (home / "config.toml").exists():
        raise RefusedInput(f"{home} is not empty and no home of ours; give an empty folder.")
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    keys = home / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    for name in KEYS:
        _write_new(keys / name, secrets.token_bytes(32))
    _write_new(home / "config.toml", CONFIG.encode())
    installation = Installation(Config.load(home))
    _migrate(installation)
    _bring_up_archive(installation)
    _make_admin(installation)
    return installation


def _migrate(installation: Installation) -> None:
    from pacs_bridge.db.migrate import migrate
    from pacs_bridge.jobs.engine import migrate_jobs
    from pacs_bridge.wiring.database import check_database

    check_database(installation)
    migrate(installation.engine)
    migrate_jobs(installation.config.database_url)


def _bring_up_archive(installation: Installation) -> None:
    """Find objects again that an earlier release kept elsewhere in the archive."""
    from pacs_bridge.archive.old_folders import bring_up

    try:
        bring_up(installation.config.archive_dir)
    except OSError as error:
        raise RefusedInput(
            f"The archive cannot be brought up to date ({type(error).__name__}); see that its "
            "folder can be written, then run `pacs-bridge init` again."
        ) from error


def _make_admin(installation: Installation) -> None:
    from pacs_bridge.services.passwords import hash_password, make_password
    from pacs_bridge.services.people import add_account

    with installation.read() as uow:
        if uow.accounts.count():
            return
    password = make_password()
    path = installation.config.home / PASSWORD_FILE
    path.unlink(missing_ok=True)
    _write_new(path, f"{ADMIN}\n{password}\n".encode())
    add_account(
        ADMIN,
        roles=[Role.ADMIN],
        password_hash=hash_password(password),
        begin=installation.begin,
        now=installation.now,
    )


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, unless it is there."""
    if path.exists():
        return
    partial = path.with_name(path.name + ".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
