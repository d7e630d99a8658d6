"""The command line of every command: its parser, exit codes, consoles, completion in the shell."""
