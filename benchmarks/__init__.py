"""What the README claims about speed, runnable: each module prints a ratio from one alternating run."""
