"""The C types of Unicorn's library: what its hooks are called with, and how its functions are called.

Types and nothing else; what the functions do is the business of `emulator`.
"""

import ctypes
from collections.abc import Callable

from unicorn.unicorn_py3.unicorn import uclib

Pointer = ctypes.c_void_p
U64 = ctypes.c_uint64
U32 = ctypes.c_uint32
Int = ctypes.c_int


class TlbEntry(ctypes.Structure):
    """What a TLB hook fills in (uc_tlb_entry)."""

    _fields_ = (("paddr", U64), ("perms", U32))


FILL_HOOK = ctypes.CFUNCTYPE(ctypes.c_bool, Pointer, U64, Int, ctypes.POINTER(TlbEntry), Pointer)
BLOCK_HOOK = ctypes.CFUNCTYPE(None, Pointer, U64, U32, Pointer)
INTERRUPT_HOOK = ctypes.CFUNCTYPE(None, Pointer, U32, Pointer)
ENTRY_HOOK = ctypes.CFUNCTYPE(None, Pointer, Pointer)
IN_HOOK = ctypes.CFUNCTYPE(U32, Pointer, U32, Int, Pointer)
OUT_HOOK = ctypes.CFUNCTYPE(None, Pointer, U32, Int, U32, Pointer)
ACCESS_HOOK = ctypes.CFUNCTYPE(ctypes.c_bool, Pointer, Int, U64, Int, ctypes.c_int64, Pointer)


def function(name: str, *arguments: type) -> Callable[..., int]:
    """A C function of the library with a prototype of our own, beside the one that the binding uses."""
    found = ctypes.CDLL(uclib._name)[name]
    found.argtypes = arguments
    found.restype = Int
    return found
