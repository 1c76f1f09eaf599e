"""The node's calls to itself, by which it is seen to be well: an echo over TLS, and nothing else.

Whoever shows the node's own certificate holds its key, and so is the node. It is let in under a
name that no PACS can have: nothing is taken from it, and no set was loaded into it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pacs_bridge.domain.objects import Caller
from pacs_bridge.services.associations import Admission, show
from pacs_bridge.upper_layer.pdu_items import UserIdentity

OURSELVES = "this node"
"""Stands where a PACS's name would; the blank keeps it from ever being one."""

Admit = Callable[[Caller], tuple[Admission, Caller]]
Identify = Callable[[Caller, UserIdentity | None], bool]


def admit_ourselves(admit: Admit, our_ae_title: str, own_certificate: Callable[[], str]) -> Admit:
    """Let the node's own calls in, and leave the others to `admit`.

    Parameters
    ----------
    own_certificate : callable
        Gives the SHA-256 fingerprint of the certificate that the node shows; empty for none.
    """

    def admit_any(caller: Caller) -> tuple[Admission, Caller]:
        claims = (caller.ae_title, caller.called_ae_title) == (our_ae_title, our_ae_title)
        if claims and caller.certificate and caller.certificate == own_certificate():
            return Admission.ACCEPTED, replace(show(caller), pacs=OURSELVES)
        return admit(caller)

    return admit_any


def identify_ourselves(identify: Identify) -> Identify:
    """Let the node's own calls name nobody, and leave the others to `identify`."""

    def identify_any(caller: Caller, identity: UserIdentity | None) -> bool:
        if caller.pacs == OURSELVES:
            return identity is None
        return identify(caller, identity)

    return identify_any
