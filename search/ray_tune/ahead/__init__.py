"""What is done ahead of Ray's workers, by processes of this machine, while Ray starts."""
