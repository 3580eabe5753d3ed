"""Memory that ran out is known by whatever exception a library raises then."""

import errno

import pytest

from emma_eval.utils.file_errors import is_memory_shortage


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
