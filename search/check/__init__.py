"""Check of a study: every file against its digest and its neighbours."""
