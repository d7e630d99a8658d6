"""What every command has: exit codes, consoles, completion in the shell."""
