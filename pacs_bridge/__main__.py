"""``python -m pacs_bridge`` and the ``pacs-bridge`` command."""

from pacs_bridge.cli.main import main

if __name__ == "__main__":
    main()
