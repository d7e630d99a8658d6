"""Numbers in, numbers out: who won, how sure that is, and which errors were made."""
