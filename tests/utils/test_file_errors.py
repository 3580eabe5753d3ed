"""Memory that ran out is known by whatever exception a library raises then."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from emma_eval.utils.file_errors import is_memory_shortage

GRANTED = """
import resource, sys
from emma_eval.utils.file_errors import is_address_space_full
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
before = is_address_space_full()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]), resource.RLIM_INFINITY))
print(before, is_address_space_full())
"""


def chained(cause):
    error = ImportError("the package cannot be imported")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("std::bad_alloc"),
        ImportError("_umath.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        chained(ImportError("_umath.so: failed to map segment from shared object")),
    ],
)
def test_a_shortage(error):
    assert is_memory_shortage(error)


@pytest.mark.parametrize(
    "error",
    [
        None,
        RuntimeError("the size of tensor a must match"),
        ValueError("out of memory lane"),
        OSError(errno.EIO, "I/O"),
    ],
)
def test_anything_else(error):
    assert not is_memory_shortage(error)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the process's size in /proc")
@pytest.mark.parametrize(("granted", "expected"), [(2**20, "False True"), (2**30, "False False")])
def test_a_limit_that_is_reached_is_known_whatever_fails(granted, expected):
    """Without memory CPython may say `SystemError: error return without exception set`, or anything."""
    ended = subprocess.run([sys.executable, "-c", GRANTED, str(granted)], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == expected
