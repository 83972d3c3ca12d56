"""What /proc says of processes."""

import pathlib
import time

PROC = pathlib.Path("/proc")
TICKS = 100  # a second, in /proc


def read(pid, name):
    try:
        return (PROC / str(pid) / name).read_text(errors="replace")
    except OSError:
        return ""


def stat(pid):
    """The fields of /proc/PID/stat behind the name, from the state on."""
    return read(pid, "stat").rpartition(")")[2].split()


def parent(pid):
    fields = stat(pid)
    return int(fields[1]) if fields else 0


def started(pid):
    """Tells a process from a later one with the same number."""
    fields = stat(pid)
    return fields[19] if fields and fields[0] not in "ZX" else None


def title(pid):
    return read(pid, "cmdline").replace("\0", " ").strip()


def family(pid):
    """A process and all that descend from it."""
    children = {}
    for path in PROC.glob("[0-9]*"):
        children.setdefault(parent(int(path.name)), []).append(int(path.name))
    found = [pid]
    for one in found:  # it grows meanwhile
        found += children.get(one, ())
    return found


def children(pid):
    return [one for one in family(pid) if parent(one) == pid]


def kilobytes(pid, name, key):
    for line in read(pid, name).splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def cpu(pid):
    """Seconds that its threads have run, those that ended too."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid()
    except OSError:
        return 0


def cpu_of_all(pids):
    """... and their children that ended."""
    gone = (sum(map(int, stat(pid)[13:15])) / TICKS for pid in pids)
    return sum(map(cpu, pids)) + sum(gone)


def mark_peak(pid):
    """Starts a new peak of resident memory; gives what is resident now, KiB.
    No pid is a process without memory."""
    if not pid:
        return 0
    (PROC / str(pid) / "clear_refs").write_text("5")
    return kilobytes(pid, "status", "VmRSS")


def peak(pid):
    return kilobytes(pid, "status", "VmHWM")


def memory(pid):
    """RSS, PSS and private memory, KiB."""
    keys = ("Rss", "Pss", "Private_Clean", "Private_Dirty")
    rss, pss, *private = (kilobytes(pid, "smaps_rollup", key) for key in keys)
    return rss, pss, sum(private)
