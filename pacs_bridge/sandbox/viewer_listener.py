"""The viewer's own little storage SCP, for a PACS that knows C-MOVE only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pynetdicom import AE, evt
from pynetdicom.presentation import PresentationContext


class Listener:
    """Takes what the PACS sends to the viewer's AE title, until stopped.

    Parameters
    ----------
    port : int
        0 for a free one; then only a PACS that is told `port` afterwards finds it.
    arrived : callable
        Given the data set's bytes and its transfer syntax, on the association's thread.
    """

    def __init__(
        self,
        ae_title: str,
        port: int,
        contexts: Sequence[PresentationContext],
        arrived: Callable[[bytes, str], None],
        host: str = "127.0.0.1",
    ) -> None:
        entity = AE(ae_title)
        for context in contexts:
            entity.add_supported_context(context.abstract_syntax, context.transfer_syntax)
        self._arrived = arrived
        self._server = entity.start_server(
            (host, port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._on_c_store)]
        )
        self.port = int(self._server.server_address[1])

    def stop(self) -> None:
        """Take nothing more."""
        self._server.shutdown()

    def _on_c_store(self, event: evt.Event) -> int:
        self._arrived(event.request.DataSet.getvalue(), event.context.transfer_syntax)
        return 0x0000
