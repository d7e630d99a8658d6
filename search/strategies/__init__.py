"""What is trained next, and who wins: stages, sweeps, joint searches, populations, held-out data."""
