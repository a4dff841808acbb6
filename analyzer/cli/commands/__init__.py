"""One module a command, named like it; each holds `command`."""
