"""``python -m cachi2ish``."""

from cachi2ish.cli.main import main

main()
