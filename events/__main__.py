"""``python -m events`` is ``pointsman``."""

from events.cli.main import main

main()
