"""What is agreed on in an association: contexts, roles, how many operations, who asks.

References
----------
PS3.8 section 7.1 (A-ASSOCIATE), 9.3.3; PS3.7 annex D.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pacs_bridge.upper_layer.contract import (
    APPLICATION_CONTEXT_NOT_SUPPORTED,
    NOTHING_PROPOSED,
    PROTOCOL_VERSION_NOT_SUPPORTED,
    Context,
    Rejection,
)
from pacs_bridge.upper_layer.identity import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MAXIMUM_PDU,
)
from pacs_bridge.upper_layer.pdu import AssociateAccept, AssociateRequest
from pacs_bridge.upper_layer.pdu_items import (
    APPLICATION_CONTEXT,
    AnsweredContext,
    ContextResult,
    Malformed,
    ProposedContext,
    RoleSelection,
    UserInformation,
)

_SHORTEST_PDU = 8  # a fragment's header and two bytes: one even step forward
_ONE_AT_A_TIME = (1, 1)
_DEFAULT_SYNTAX = "1.2.840.10008.1.2"


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """A presentation context that may be spoken in.

    Parameters
    ----------
    requestor_is_scp : bool
        Whether we may send objects in it.
    """

    abstract_syntax: str
    transfer_syntax: str
    requestor_is_scp: bool = False


def objection_to(request: AssociateRequest) -> Rejection | None:
    """Say why a request cannot be accepted, whoever sends it; None when it can."""
    if not request.protocol_version & 1:
        return PROTOCOL_VERSION_NOT_SUPPORTED
    if request.application_context != APPLICATION_CONTEXT:
        return APPLICATION_CONTEXT_NOT_SUPPORTED
    if not request.contexts:
        return NOTHING_PROPOSED
    return None


def fragment_bytes(user: UserInformation) -> int:
    """Tell how many bytes one fragment to this peer may have: an even number.

    Raises
    ------
    Malformed
        When none would fit.
    """
    if not user.maximum_length:
        return MAXIMUM_PDU - 6
    if user.maximum_length < _SHORTEST_PDU:
        raise Malformed("the longest PDU that the peer takes holds nothing")
    return (min(user.maximum_length, MAXIMUM_PDU) - 6) & ~1


def table_of(contexts: Iterable[Context]) -> dict[str, Context]:
    """Arrange what is offered by SOP class."""
    return {context.sop_class_uid: context for context in contexts}


def accept(
    request: AssociateRequest, supported: Mapping[str, Context]
) -> tuple[AssociateAccept, dict[int, AcceptedContext]]:
    """Answer a request that is accepted.

    The transfer syntax is the first of ours that the peer proposes. Of operations at the
    same time one is agreed on; extended negotiation is not answered, which means no extension.
    A user identity, which has been judged before, is confirmed where an answer is asked for.

    Returns
    -------
    AssociateAccept, dict
        The accepted contexts by their identifiers.
    """
    answers, accepted = [], {}
    roles = tuple(_roles(request, supported))
    scp_classes = {role.sop_class_uid for role in roles if role.scp}
    for proposed in request.contexts:
        answer = _answer(proposed, supported, scp_classes)
        answers.append(answer)
        if answer.result == ContextResult.ACCEPTED:
            accepted[proposed.context_id] = AcceptedContext(
                proposed.abstract_syntax,
                answer.transfer_syntax,
                requestor_is_scp=proposed.abstract_syntax in scp_classes,
            )
    window = None if request.user.operations_window is None else _ONE_AT_A_TIME
    who = request.user.identity
    user = UserInformation(
        maximum_length=MAXIMUM_PDU,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        operations_window=window,
        roles=roles,
        identity_answer=b"" if who is not None and who.wants_answer else None,
    )
    titles = (request.called_ae_title, request.calling_ae_title)
    said = AssociateAccept(*titles, tuple(answers), user, head=request.head)
    return said, accepted


def _answer(
    proposed: ProposedContext, supported: Mapping[str, Context], scp_classes: set[str]
) -> AnsweredContext:
    context = supported.get(proposed.abstract_syntax)
    first = next(iter(proposed.transfer_syntaxes), _DEFAULT_SYNTAX)  # not significant
    if context is None:
        result = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
        return AnsweredContext(proposed.context_id, result, first)
    syntaxes = context.transfer_syntaxes
    if context.taken_in and proposed.abstract_syntax not in scp_classes:
        syntaxes = context.taken_in
    for syntax in syntaxes:
        if syntax in proposed.transfer_syntaxes:
            return AnsweredContext(proposed.context_id, ContextResult.ACCEPTED, syntax)
    result = ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED
    return AnsweredContext(proposed.context_id, result, first)


def _roles(request: AssociateRequest, supported: Mapping[str, Context]) -> Iterable[RoleSelection]:
    for asked in request.user.roles:
        context = supported.get(asked.sop_class_uid)
        if context is not None:
            scp = asked.scp and context.requestor_may_be_scp
            yield RoleSelection(asked.sop_class_uid, scu=asked.scu, scp=scp)
