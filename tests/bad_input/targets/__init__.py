"""What is given malformed input: one file each; `registry.TARGETS` lists them."""
