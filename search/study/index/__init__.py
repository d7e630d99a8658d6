"""The index of a ledger, for those who only look on."""
