#!/usr/bin/env python3
"""Fuzzes Linux seccomp filters on the instruction pointer; see sysfuzz.engine.harness for flags and environment."""

from sysfuzz.engine.harness import main

main("seccomp-ip")
