"""Memory of processes, as Linux counts it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

KIB = 1024
MIB = 1024.0**2


@dataclass(frozen=True)
class Memory:
    """Memory of one process or of several, in MiB.

    Attributes:
        rss: Resident pages; those shared by several processes count in each.
        pss: Proportional: a page shared by n processes counts 1/n in each, so that sums are true.
        uss: Unique: pages that no other process maps, files included.
        private: What only this process holds and the kernel cannot drop: its share of anonymous and shared memory
            (``Pss_Anon`` + ``Pss_Shmem``). Mapped files are left out, because their pages belong to the page cache.
    """

    rss: float = 0.0
    pss: float = 0.0
    uss: float = 0.0
    private: float = 0.0

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def available() -> bool:
    """Whether this system tells (Linux 5.4 or newer)."""
    try:
        return "Pss_Anon" in _rollup("self")
    except OSError:
        return False


def memory_of(pids: Iterable[int | str]) -> Memory:
    """Sum over processes; those that have ended count nothing."""
    total = Memory()
    for pid in pids:
        try:
            found = _rollup(pid)
        except OSError:
            continue
        total += Memory(
            rss=found["Rss"] / MIB,
            pss=found["Pss"] / MIB,
            uss=(found["Private_Clean"] + found["Private_Dirty"]) / MIB,
            private=(found["Pss_Anon"] + found["Pss_Shmem"]) / MIB,
        )
    return total


def _rollup(pid: int | str) -> dict[str, int]:
    """Bytes by name, see proc_pid_smaps(5)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    pairs = (line.split(":") for line in lines)
    return {name: int(value.split()[0]) * KIB for name, value in pairs}


def reset_peak() -> bool:
    """Start counting this process's peak anew (see proc_pid_clear_refs(5)); False where that is not allowed."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_mib() -> float:
    """Most resident memory of this process since :func:`reset_peak`, MiB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KIB / MIB
    return float("nan")
