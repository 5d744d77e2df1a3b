"""sysfuzz fuzzes the check of where a system call comes from."""

__version__ = "0.1.0"
