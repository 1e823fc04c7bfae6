# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs what is measured, each in a process of its own; imports nothing large, so that the memory of
a child is the child's."""

import contextlib
import fcntl
import json
import os
import pathlib
import subprocess
import time

import cases

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = cases.CACHE / "venv" / "bin" / "python"
PROGRAM = os.environ["VITREOUS"]
LIBRARY = pathlib.Path(PROGRAM).parents[1] / "core" / "libvitreous.so"

# In a forward pass OpenMP's threads stay where they are, or two of them may share a core for
# seconds.  Not on Vulkan, nor in whole programs: threads of another kind would inherit the one core
# of the thread that starts them.
THREADS = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
ON_CPU = THREADS | {"OMP_PROC_BIND": "true"}
QUIET_SHARE, QUIET_WAIT = 0.12, 20  # of the machine's time that others may use; seconds of patience


def on_vulkan():
    """The driver that tests/drivers.sh provided; None where there is none."""
    driver = os.environ.get("VTR_TEST_LAVAPIPE")
    if not driver:
        return None
    libraries = [os.environ.get("VTR_TEST_MESA_LIBS"), os.environ.get("LD_LIBRARY_PATH")]
    return {"VK_ICD_FILENAMES": driver, "VK_DRIVER_FILES": driver, "OMP_NUM_THREADS": "2",
            "LD_LIBRARY_PATH": ":".join(filter(None, libraries))}


def busy_and_all():
    """Ticks of all processors since they started: those of work, and all."""
    with open("/proc/stat") as stat:
        ticks = [int(word) for word in stat.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def wait_for_quiet():
    """Until other programs have let the machine be for a second, or patience is at an end."""
    end = time.monotonic() + QUIET_WAIT
    while time.monotonic() < end:
        busy, total = busy_and_all()
        time.sleep(1)
        busy_then, total_then = busy_and_all()
        if busy_then - busy <= QUIET_SHARE * max(1, total_then - total):
            return


@contextlib.contextmanager
def quiet():
    """Where people share a machine, VITREOUS_BENCH_LOCK is a file that is locked meanwhile."""
    path = os.environ.get("VITREOUS_BENCH_LOCK")
    with open(path or os.devnull) as lock:
        if path:
            fcntl.flock(lock, fcntl.LOCK_EX)
        wait_for_quiet()
        yield


def wait_for(process):
    """Its peak memory in bytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_maxrss * 1024


def run_process(command):
    """Seconds from start to end, and peak memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | THREADS, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    peak = wait_for(process)
    return time.perf_counter() - start, peak


class Worker:
    """One of engines.py, alive until stop ()."""

    def __init__(self, name, case, attention="none", env=ON_CPU):
        self.process = subprocess.Popen(
            [PYTHON, HERE / "engines.py", name, case, attention], env=os.environ | env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()  # it is ready: no other is disturbed by its loading

    def run(self, n_runs):
        """Seconds of each run, after one that is not counted."""
        print(n_runs, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def stop(self):
        """Its peak memory in bytes."""
        self.process.stdin.close()
        return wait_for(self.process)


class Vitreous:
    """The same of `vitreous bench`: a process for each turn, which has one run not counted, too."""

    flops = 0  # of one forward pass

    def __init__(self, case, attention="none", device="cpu", env=ON_CPU):
        model, edge, _ = cases.CASES[case]
        self.env = os.environ | env
        capture = ["--capture"] if attention == "all" else []
        self.command = [PROGRAM, "bench", "--json", "-m", cases.model_path(model),
                        "--size", str(edge), "--device", device, *capture]
        self.peak = 0

    def run(self, n_runs):
        process = subprocess.Popen([*self.command, "--runs", str(n_runs)], env=self.env, text=True,
                                   stdout=subprocess.PIPE)
        figures = json.load(process.stdout)
        self.peak = max(self.peak, wait_for(process))
        self.flops = figures["flops"]
        return [ms / 1e3 for ms in figures["runs_ms_per_image"]]

    def stop(self):
        return self.peak
