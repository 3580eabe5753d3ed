"""A client of OpenAI-compatible servers: asks many chat requests, as many at a time as the server bears, and retries.

It knows nothing of benchmarks; what it sends are the bodies of chat requests, what it gives are their replies.
May import: `errors`, `types`, `utils`.
"""
