"""All tables; their names begin with ``pb_`` because the jobs' tables share the database."""

from pacs_bridge.db.tables.answers import AnswerRow
from pacs_bridge.db.tables.arrivals import ArrivalRow
from pacs_bridge.db.tables.asking import PacsProfileRow, SearchNoteRow
from pacs_bridge.db.tables.audit import AuditCursorRow, AuditDropRow, AuditRow
from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.case_sets import CaseRow, CaseSetRow, InstanceRow, TruthRow
from pacs_bridge.db.tables.commitment import (
    AvailabilityRow,
    CommitmentInstanceRow,
    CommitmentRow,
    CustodyRow,
)
from pacs_bridge.db.tables.feedback import (
    FeedbackObjectRow,
    FeedbackRow,
    FeedbackWithdrawalRow,
)
from pacs_bridge.db.tables.intact import IntactRow
from pacs_bridge.db.tables.isolation import (
    ExposureRow,
    IsolationRow,
    ReadingTurnRow,
    SightingRow,
)
from pacs_bridge.db.tables.loads import (
    EndpointRow,
    LoadCaseRow,
    LoadInstanceRow,
    LoadRow,
    PacsRow,
)
from pacs_bridge.db.tables.objects import (
    MarkRow,
    ObjectRow,
    OutboxRow,
    ReadingRow,
    ReadObjectRow,
    RefusalRow,
    SummaryRow,
)
from pacs_bridge.db.tables.people import (
    AccountRoleRow,
    AccountRow,
    AccountSiteRow,
    EnrolmentRow,
    ReaderAliasRow,
    ReaderRow,
    RoleRow,
    RoundRow,
    SiteRow,
)
from pacs_bridge.db.tables.proofs import ProofRow, WithdrawalRow
from pacs_bridge.db.tables.reader_copies import CopiedImageRow, ReaderCopyRow
from pacs_bridge.db.tables.reports import ReportRow
from pacs_bridge.db.tables.watch import AssociationRow, EventRow, MailRow
from pacs_bridge.db.tables.who import (
    ClaimQueueRow,
    ClaimRow,
    FinishedCaseRow,
    HandshakeRow,
    PacsReadingRow,
    ReadingSessionRow,
    SavingPictureRow,
    SharedLoginRow,
)
from pacs_bridge.db.tables.workstations import WorkstationCheckRow

__all__ = [
    "AccountRoleRow",
    "AccountRow",
    "AccountSiteRow",
    "AnswerRow",
    "ArrivalRow",
    "AssociationRow",
    "AuditCursorRow",
    "AuditDropRow",
    "AuditRow",
    "AvailabilityRow",
    "Base",
    "CaseRow",
    "CaseSetRow",
    "ClaimQueueRow",
    "ClaimRow",
    "CommitmentInstanceRow",
    "CommitmentRow",
    "CopiedImageRow",
    "CustodyRow",
    "EndpointRow",
    "EnrolmentRow",
    "EventRow",
    "ExposureRow",
    "FeedbackObjectRow",
    "FeedbackRow",
    "FeedbackWithdrawalRow",
    "FinishedCaseRow",
    "HandshakeRow",
    "InstanceRow",
    "IntactRow",
    "IsolationRow",
    "LoadCaseRow",
    "LoadInstanceRow",
    "LoadRow",
    "MailRow",
    "MarkRow",
    "ObjectRow",
    "OutboxRow",
    "PacsProfileRow",
    "PacsReadingRow",
    "PacsRow",
    "ProofRow",
    "ReadObjectRow",
    "ReaderAliasRow",
    "ReaderCopyRow",
    "ReaderRow",
    "ReadingRow",
    "ReadingSessionRow",
    "ReadingTurnRow",
    "RefusalRow",
    "ReportRow",
    "RoleRow",
    "RoundRow",
    "SavingPictureRow",
    "SearchNoteRow",
    "SharedLoginRow",
    "SightingRow",
    "SiteRow",
    "SummaryRow",
    "TruthRow",
    "WithdrawalRow",
    "WorkstationCheckRow",
]
