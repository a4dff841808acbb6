"""`python -m analyzer.cli` is `pagelint`."""

from analyzer.cli.main import main

main()
