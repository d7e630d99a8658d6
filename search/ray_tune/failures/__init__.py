"""What goes wrong between the start and the end of Ray: signals, machines, workers, and their sentences."""
