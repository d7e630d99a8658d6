"""What the report says of a study, in its order."""

from __future__ import annotations

from collections.abc import Iterator

from search.report.document import Alert, Document, Paragraph, Section
from search.report.sections.errors import errors_section
from search.report.sections.finetune import finetune_sections
from search.report.sections.handover import hand_over_section
from search.report.sections.joint import joint_section
from search.report.sections.outcome import elsewhere_section, outcome_section
from search.report.sections.protocol import protocol_blocks
from search.report.sections.stages import stage_section
from search.study.record import Record


def report_on(record: Record, made_on: str) -> Document:
    """Returns the report on `record`; `made_on` is the date that it shows."""
    return Document(
        title=f"Hyperparameter search: study {record.name}", made_on=made_on, sections=list(_sections(record))
    )


def _sections(record: Record) -> Iterator[Section]:
    yield Section(
        name="protocol", title="Data and protocol", blocks=[*_unread(record), *protocol_blocks(record)]
    )
    yield outcome_section(record)
    yield hand_over_section(record)
    for result in record.staged:
        yield stage_section(record, result)
    joint = record.joint
    if joint:
        yield joint_section(record, joint)
    else:
        command = f"python -m search.run --mode joint --study {record.name}"
        yield Section(
            name="joint",
            title="Joint search",
            blocks=[Paragraph(f"Not run; the command is {command}. The report ran none.")],
        )
    for result in filter(None, (record.last, joint)):
        yield errors_section(result)
    yield from finetune_sections(record)
    yield elsewhere_section(record)


def _unread(record: Record) -> Iterator[Alert]:
    if record.unread:
        yield Alert("Files of the study that could not be read, and are missing here", record.unread)
