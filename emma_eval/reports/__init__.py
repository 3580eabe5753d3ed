"""What is made of scores: the scores file, the majority baseline, and the leaderboard beside published values."""
