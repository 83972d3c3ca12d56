"""What /proc says of a process."""

import pathlib

PROC = pathlib.Path("/proc")


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


def children(pid):
    numbers = [int(path.name) for path in PROC.glob("[0-9]*")]
    return [number for number in numbers if parent(number) == pid]


def family(pid):
    """A process and all that descend from it, with their start times."""
    found = [(pid, started(pid))]
    for child in children(pid):
        found += family(child)
    return found


def kilobytes(pid, name, key):
    for line in read(pid, name).splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def cpu(pid):
    """Seconds it has run."""
    return int(read(pid, "schedstat").split()[0]) / 1e9


def cpu_of_threads(pid):
    """Seconds that all its threads that live have run; no pid: none."""
    threads = (PROC / str(pid) / "task").glob("*") if pid else ()
    return sum(cpu(f"{pid}/task/{thread.name}") for thread in threads)


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
