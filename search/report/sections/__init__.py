"""The sections of the report, each made of a study's snapshot."""
