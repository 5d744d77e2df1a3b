#!/usr/bin/env python3
"""Fuzzes NetBSD's successor of the flag, one range of addresses a process; see sysfuzz.engine.harness for flags and environment."""

from sysfuzz.engine.harness import main

main("syscallemu")
