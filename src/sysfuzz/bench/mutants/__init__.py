"""Automatic mutants of the core: one small change each, made from the syntax tree, and whether the fuzzer notices."""
