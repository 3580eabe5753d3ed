"""emma-eval: run EMMA and its rivals on the field's benchmarks and score the answers as the official tools do."""

__version__ = "0.1.0"
