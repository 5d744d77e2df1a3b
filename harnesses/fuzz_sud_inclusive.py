#!/usr/bin/env python3
"""Fuzzes Linux Syscall User Dispatch with one range that calls may not come from; see sysfuzz.engine.harness for flags and environment."""

from sysfuzz.engine.harness import main

main("sud-inclusive")
