"""The data room: bring benchmarks' data to this machine, say what is there, and check it."""
