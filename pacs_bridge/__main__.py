"""``python -m pacs_bridge`` and the ``pacs-bridge`` command."""

import sys
from functools import partial

from pacs_bridge.cli.endings import end_in_words
from pacs_bridge.cli.node_process import read_orders, serve_node


def main() -> None:
    """Run a command; exit 0 done, 1 refused or failed with one clear line, 2 usage."""
    orders = read_orders(sys.argv[1:])
    if orders is not None:
        end_in_words(partial(serve_node, orders))
        return
    from pacs_bridge.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    main()
