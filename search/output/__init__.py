"""What a search prints: tables for people, JSON objects for scripts, a dry run."""
