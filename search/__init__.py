"""Grids, stages, the driver, the ledger and what a person reads of a study."""
