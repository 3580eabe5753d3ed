"""What the alignment of a checkpoint does, seen in its weights and on the samples of tasks: `analyze`."""
