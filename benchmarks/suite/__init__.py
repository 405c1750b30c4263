"""What `benchmarks.run` and `benchmarks.gate` measure: ours beside its ceiling, in turns, as a ratio."""
