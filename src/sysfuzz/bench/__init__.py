"""How the fuzzer itself is judged: speed, triage, planted weaknesses against baselines, and mutants of the core."""
