#!/usr/bin/env python3
"""Fuzzes the design as first committed, which has several bugs; see sysfuzz.engine.harness for flags and environment."""

from sysfuzz.engine.harness import main

main("nosyscalls-2011")
