"""A home for a test: a copy of one that this process made, which takes a second of migrating."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.config import Config
from pacs_bridge.wiring.home import make_home
from pacs_bridge.wiring.installation import Installation


@cache
def _made() -> dict[str, bytes]:
    """Every file of a home as `init` makes it, by its path in there."""
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        installation = make_home(home)
        installation.engine.dispose()  # the last connection to close leaves nothing beside the file
        installation.reading_engine.dispose()
        files = {str(p.relative_to(home)): p for p in home.rglob("*") if p.is_file()}
        assert not any(name.endswith(("-wal", "-shm")) for name in files)
        return {name: path.read_bytes() for name, path in files.items()}


def a_home(home: Path) -> Installation:
    """Make a home as `init` does, with the settings that are in the folder already.

    Homes of one process have the same keys and the same first administrator.
    """
    for name, content in _made().items():
        path = home / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)
    return Installation(Config.load(home))
