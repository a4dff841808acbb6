"""One module per output format, named like it; each is a pure function of a result."""
