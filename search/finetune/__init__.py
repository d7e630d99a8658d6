"""From the winner of a search to the final model: pretraining, fine-tuning, and the file to take away."""
