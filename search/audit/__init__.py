"""The audit of a manifest with features: near-duplicates and suspects of wrong labels by a network."""
