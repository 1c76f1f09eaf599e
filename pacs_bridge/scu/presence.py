"""Whether a PACS has single images, asked by their unique keys.

References
----------
PS3.4 C.6.2.1.4 (IMAGE level); STANDARDS.md 5.4: query before sending again.
"""

from __future__ import annotations

from collections.abc import Sequence

from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import ImageKey
from pacs_bridge.scu.find import FindRefused, Questions, associate_for_questions
from pacs_bridge.upper_layer.requestor import ContextsRefused, SecureCall


def find_images(
    pacs: Pacs, images: Sequence[ImageKey], secure: SecureCall | None = None
) -> dict[str, bool | None]:
    """Ask for each image over one association.

    Returns
    -------
    dict of str to bool or None
        By SOP Instance UID. None where the PACS cannot answer such a question at all, or
        answers it without naming any image.

    Raises
    ------
    PeerUnavailable
        When the conversation broke off, or the PACS is out of resources: ask again later.
    """
    if not images:
        return {}
    try:
        association = associate_for_questions(pacs, secure)
    except ContextsRefused:
        return {each.sop_instance_uid: None for each in images}
    with association:
        questions, found = Questions(association), dict[str, bool | None]()
        for each in images:
            try:
                found[each.sop_instance_uid] = _is_there(questions, each)
            except FindRefused as refused:
                if not refused.cannot:
                    raise association.unavailable("answer", str(refused)) from refused
                found[each.sop_instance_uid] = None
    return found


def _is_there(questions: Questions, image: ImageKey) -> bool | None:
    rows = questions.ask(
        "IMAGE",
        {
            "StudyInstanceUID": image.study_instance_uid,
            "SeriesInstanceUID": image.series_instance_uid,
            "SOPInstanceUID": image.sop_instance_uid,
        },
        (),
    )
    if any(row.text("SOPInstanceUID") == image.sop_instance_uid for row in rows):
        return True
    return None if rows else False
