"""Contents of the report on a study, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from search.report.document import Document, Section, numbered, said_once
from search.report.sections.errors import errors_section
from search.report.sections.finetune import (
    final_errors_sections,
    finetune_sections,
    photographs_sections,
)
from search.report.sections.handover import hand_over_section
from search.report.sections.joint import joint_section
from search.report.sections.next_steps import next_steps_section
from search.report.sections.notes import notes_sections
from search.report.sections.outcome import ages_elsewhere_section, elsewhere_section, outcome_section
from search.report.sections.protocol import protocol_blocks
from search.report.sections.stages import stage_section
from search.report.sections.summary import summary_section
from search.study.descriptions import describe_data
from search.study.snapshot import Snapshot

_REMARK = "Beside each figure of ours stands the published one, or - where none was published."


def report_on(snapshot: Snapshot, made_on: str) -> Document:
    """Returns the report on `snapshot`; `made_on` is the date that it shows."""
    data = f"{describe_data(snapshot.facts)}."
    return Document(
        title=f"Hyperparameter search: study {snapshot.name}",
        made_on=made_on,
        remark=f"{data} {_REMARK}" if snapshot.facts.is_of_gender else data,
        sections=list(numbered(said_once(_sections(snapshot)))),
    )


def _sections(snapshot: Snapshot) -> Iterator[Section]:
    yield summary_section(snapshot)
    yield from notes_sections(snapshot)
    yield outcome_section(snapshot)
    yield hand_over_section(snapshot)
    for result in snapshot.staged:
        yield stage_section(snapshot, result)
    if snapshot.joint:
        yield joint_section(snapshot, snapshot.joint)
    yield from finetune_sections(snapshot)
    yield Section(name="protocol", title="Data and protocol", blocks=list(protocol_blocks(snapshot)))
    final = list(final_errors_sections(snapshot))
    yield from final
    for decided in (snapshot.last, snapshot.joint):  # of the stages only the last: its winner goes on
        if decided and not final:
            yield errors_section(decided, snapshot.facts)
    yield from photographs_sections(snapshot)
    if snapshot.facts.is_of_gender:
        yield elsewhere_section(snapshot)
    if snapshot.facts.is_of_ages:
        yield ages_elsewhere_section(snapshot)
    yield next_steps_section(snapshot)
