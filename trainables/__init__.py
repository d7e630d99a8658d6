"""Networks, cached features and the training of one configuration; one module adapts it to Ray Tune."""
