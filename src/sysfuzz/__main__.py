"""`python -m sysfuzz`: the same as the command `sysfuzz`."""

from sysfuzz.cli.main import main

main()
