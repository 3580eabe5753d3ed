"""What a package outside of emma-eval may bring along."""
