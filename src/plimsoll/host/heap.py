"""What malloc has of this process's address space and has given to nobody: it counts as used, and can be had."""

import ctypes
from functools import cache


class _Mallinfo2(ctypes.Structure):
    """struct mallinfo2 of glibc (mallinfo(3))."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def free_heap_bytes() -> int:
    """Free bytes in all of malloc's arenas, in pieces of any size, in about a microsecond; 0 where it is not glibc, or
    one before 2.33."""
    mallinfo2 = _mallinfo2()
    return 0 if mallinfo2 is None else int(mallinfo2().fordblks)


@cache
def _mallinfo2() -> "ctypes._NamedFuncPointer | None":
    try:
        found = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return None
    found.argtypes = ()
    found.restype = _Mallinfo2
    return found
