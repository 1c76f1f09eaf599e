"""What the scoring server does with a reading, a truth and a question; no HTTP in here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import CaseName, Naming, SetName
from pacs_bridge.domain.reading import hash_payload
from pacs_bridge.domain.truth import CaseTruth
from pacs_bridge.scoring import contract
from pacs_bridge.scoring.figures import summarise
from pacs_bridge.scoring.hits import RULE
from pacs_bridge.scoring.payload import (
    canonical,
    parse_body,
    reading_breasts,
    reading_marks,
    stored_form,
    truth_as_payload,
    truth_from_payload,
)
from pacs_bridge.scoring.report import check_report
from pacs_bridge.scoring.result import ReadingResult, judge_reading
from pacs_bridge.scoring.server.config import ScorerConfig
from pacs_bridge.scoring.server.errors import TruthMissing
from pacs_bridge.scoring.server.store import KeptReading, KeptReport, KeptTruth, Store


@dataclass(frozen=True)
class Desk:
    """The scoring server's work, over its store."""

    store: Store
    config: ScorerConfig

    def take_truth(self, set_name: str, version: int, raw: bytes) -> contract.TruthReceipt:
        """Keep a version of a set's truth.

        Raises
        ------
        RefusedInput
            When it is not as agreed, contradicts itself, or is not of this set and version.
        TruthConflict
            When this version is here with other content.
        """
        value, _ = parse_body(raw, contract.Truth)
        truth = truth_from_payload(value, naming=self.config.naming)
        if (truth.set_name, truth.version) != (set_name, version):
            raise RefusedInput(
                "The truth is of another set or version than its address; send it to its own."
            )
        content_hash = hash_payload(value)
        body = canonical(truth_as_payload(truth)).decode()
        new = self.store.add_truth(
            KeptTruth(set_name, version, content_hash, body, self.config.now())
        )
        return contract.TruthReceipt(
            set=set_name,
            version=version,
            content_hash=content_hash,
            status="stored" if new else "duplicate",
        )

    def take_reading(self, raw: bytes, key: str) -> contract.ReadingReceipt:
        """Keep a revision of a reading and make sure that it can be scored.

        Raises
        ------
        RefusedInput
            When it is not as agreed, of a practice case, or contradicts what is here.
        TruthMissing
            When no truth of its case is here.
        """
        value, reading = parse_body(raw, contract.Reading)
        kept = KeptReading(
            reading.reading,
            reading.revision,
            hash_payload(value),
            reading.set,
            reading.case,
            reading.reader,
            stored_form(reading),
            self.config.now(),
        )
        if key != f"{kept.reading}:{kept.content_hash}":
            raise RefusedInput(
                "The Idempotency-Key is not this reading's name, a colon and the hash of this "
                "content; make it from the body that is sent."
            )
        self._refuse_unscorable(reading)
        # A reading that is here keeps its receipt, even where a later truth drops its case.
        if not self.store.has_reading(kept):
            _, cases = self._truth_in_force(kept.set_name)
            if kept.accession not in cases:
                raise TruthMissing(
                    f"The truth of {kept.accession} is not here; send the truth, then this again."
                )
            self._judge(kept, cases[kept.accession])
        return contract.ReadingReceipt.model_validate(
            {
                "reading": kept.reading,
                "revision": kept.revision,
                "content_hash": kept.content_hash,
                "status": self.store.add_reading(kept),
                "reports": [each.sha256 for each in reading.reports],
            }
        )

    def take_report(self, name: str, revision: int, raw: bytes) -> contract.ReportReceipt:
        """Keep a report beside the reading that named it, once it is seen to say the same.

        Raises
        ------
        RefusedInput
            When that reading is not here or did not name it, or when it contradicts it.
        """
        kept = self.store.find_reading(name, revision)
        if kept is None:
            raise RefusedInput("No such revision of a reading is here; send the reading first.")
        digest = check_report(raw, contract.Reading.model_validate_json(kept.body))
        new = self.store.add_report(KeptReport(name, revision, digest, raw, self.config.now()))
        return contract.ReportReceipt(
            reading=name, revision=revision, sha256=digest, status="stored" if new else "duplicate"
        )

    def result(self, name: str) -> contract.Result:
        """Work out what the current revision of a reading comes to.

        Raises
        ------
        NotFound
            When no such reading is here.
        """
        kept = self.store.newest_reading(name)
        if kept is None:
            raise NotFound("No such reading is here; send it first.")
        version, cases = self._truth_in_force(kept.set_name)
        case = cases.get(kept.accession)
        judged = self._judge(kept, case) if case else ReadingResult(kept.accession, (), (), ())
        return contract.Result(
            reading=kept.reading,
            revision=kept.revision,
            content_hash=kept.content_hash,
            status="scored" if case else "unscored",
            set=kept.set_name,
            case=kept.accession,
            reader=kept.reader,
            truth_version=version,
            rule=RULE,
            tolerance=self.config.tolerance,
            breasts=tuple(map(contract.ResultBreast.model_validate, judged.breasts)),
            lesions=tuple(map(contract.ResultLesion.model_validate, judged.lesions)),
            marks=tuple(map(contract.ResultMark.model_validate, judged.marks)),
            exposed=_is_exposed(kept),
        )

    def summary(self, set_name: str, reader: str) -> contract.Summary:
        """Work out all figures of one reader over one set; of none, figures without value.

        Raises
        ------
        RefusedInput
            When these are no names of a set and a reader.
        """
        SetName.parse(set_name, self.config.naming)
        if re.fullmatch(contract.NAME, reader) is None:
            raise RefusedInput("This is no reader's code; ask for letters, digits and . _ - only.")
        version, cases = self._truth_in_force(set_name)
        kept = self.store.newest_readings(set_name, reader)
        scored = [each for each in kept if each.accession in cases]
        blinded = [each for each in scored if not _is_exposed(each)]
        summary = summarise(self._judge(each, cases[each.accession]) for each in blinded)
        return contract.Summary(
            set=set_name,
            reader=reader,
            truth_version=version,
            rule=RULE,
            tolerance=self.config.tolerance,
            test_cases=len(cases),
            readings_unscored=len(kept) - len(scored),
            readings_exposed=len(scored) - len(blinded),
            figures={
                figure.name: contract.SummaryFigure.model_validate(figure)
                for figure in summary.figures
            },
            roc=tuple(map(contract.SummaryRocPoint.model_validate, summary.roc)),
            counts=contract.SummaryCounts.model_validate(summary.counts),
        )

    def _refuse_unscorable(self, reading: contract.Reading) -> None:
        """Refuse what no truth could ever score."""
        set_name = SetName.parse(reading.set, self.config.naming)
        case = CaseName.parse(reading.case, self.config.naming)
        if case.set_name != set_name or case.copy:
            raise RefusedInput(
                "The case is not of this set, or is a copy; send the name of the master case."
            )
        if self.config.naming.kind_of(case.number) == "practice":
            raise RefusedInput("This is a practice case, which is never scored; keep it at home.")
        sides = [breast.laterality for breast in reading.breasts]
        if len(set(sides)) != len(sides):
            raise RefusedInput("One breast is decided twice; send each breast once.")

    def _truth_in_force(self, set_name: str) -> tuple[int | None, dict[str, CaseTruth]]:
        """The newest version of a set's truth and its test cases; None and none without one."""
        truth = self.store.newest_truth(set_name)
        return (truth.version, _cases(truth.body, self.config.naming)) if truth else (None, {})

    def _judge(self, kept: KeptReading, case: CaseTruth) -> ReadingResult:
        reading = contract.Reading.model_validate_json(kept.body)
        marks, breasts = reading_marks(reading.marks), reading_breasts(reading.breasts)
        return judge_reading(case, marks, breasts, tolerance=self.config.tolerance)


def _is_exposed(kept: KeptReading) -> bool:
    return bool(json.loads(kept.body).get("exposed"))


@lru_cache(maxsize=8)
def _cases(body: str, naming: Naming) -> dict[str, CaseTruth]:
    """A kept truth's test cases by accession number; read once a version, not once a reading."""
    truth = truth_from_payload(json.loads(body), naming=naming)
    return {case.accession: case for case in truth.cases if case.kind == "test"}
