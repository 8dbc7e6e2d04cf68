"""``python -m cachi2ish``."""

from cachi2ish.cli.entry import main

main()
