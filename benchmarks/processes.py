"""What processes of this machine take: memory and processor time, read from /proc.

References
----------
proc(5): /proc/PID/status, /proc/PID/task/TID/schedstat.
"""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """List a process and all that it has started."""
    found = [pid]
    for each in found:
        for task in (_PROC / str(each) / "task").glob("*/children"):
            found += [int(child) for child in _read(task).split()]
    return found


def peak_mb(pid: int) -> float:
    """Give the most memory that a process has ever had resident, in MB."""
    return _field(pid, "status", "VmHWM") * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """Give the processor time that a process and its children have had, to the nanosecond."""
    ran = 0
    for each in family(pid):
        for task in (_PROC / str(each) / "task").glob("*/schedstat"):
            ran += int((_read(task).split() or ["0"])[0])
    return ran / 1e9


def _field(pid: int, file: str, name: str) -> int:
    for line in _read(_PROC / str(pid) / file).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has gone meanwhile
        return ""
