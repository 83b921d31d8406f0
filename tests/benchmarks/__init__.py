"""The benchmarks' own code: `benchmarks`."""
