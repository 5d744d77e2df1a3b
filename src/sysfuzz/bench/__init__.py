"""How the fuzzer itself is judged: speed so far."""
