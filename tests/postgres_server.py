"""A PostgreSQL server that ends with whoever started it: a program for tests.

``python -m tests.postgres_server PROGRAMS`` makes a cluster in a folder of its own, says where
that is, and serves it until its input ends, with which nothing of it is left.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_min_messages": "panic",
    "autovacuum": "off",
}


def servers_user() -> dict[str, Any]:
    """Say as whom the server runs: it will not as root."""
    if os.geteuid() != 0:
        return {}
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = users.get(SUPERUSER) or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def serve(programs: Path, folder: Path) -> None:
    """Make a cluster in a folder and serve it until our input ends."""
    who = servers_user()
    if who:
        os.chown(folder, who["user"], who["group"])
    data = folder / "data"
    subprocess.run(
        [
            programs / "initdb", "--pgdata", data, "--username", SUPERUSER, "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions",
        ],
        check=True, stdout=subprocess.DEVNULL, cwd=folder, **who,
    )  # fmt: skip
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", folder],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder, **who,
    )  # fmt: skip
    try:
        print(folder, flush=True)
        sys.stdin.read()
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, without tidying
        server.wait(60)


def main() -> None:
    """Serve a cluster in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        serve(Path(sys.argv[1]), folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
