"""The model and the rules as data; ships as `analyzer.rules`. See README.md in this folder."""
