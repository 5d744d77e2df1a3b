"""What an execution tells the engine: features, and branches of the core, as counters that libFuzzer reads."""
