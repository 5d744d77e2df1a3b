"""How the fuzzer itself is judged: speed and buckets so far."""
