"""Facts of a study: what all its trials have in common, as it stands in `study.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from data_prep.class_names import AGE_GROUPS, GENDER_SOURCES, GENDERS
from data_prep.errors import InputError
from data_prep.storage.json_files import damaged, read_json
from data_prep.storage.schema import Count, require_schema
from search.study.formats import STUDY
from search.study.layout import Layout

DRAWN = "sample"  # the source of data that a program draws


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """The data, the split and the kind of weights of a study; "", 0 and {} stand for what is not known.

    `labels` has the number of images by label, `class_names` and `group_kind` are the manifest's, `weights`
    is their identity (`none`, `imagenet` or `file:<sha256>`). `feature_precision` is None for float32,
    `resize` for bilinear, and `image_backend` where `keras_backend` trains on images, too: a study of before
    they could be chosen has no such fact. `others` are facts that only a newer version knows; they are shown,
    never compared.
    """

    data_digest: str = ""
    source: str = ""
    images: Count = 0
    labels: Mapping[str, Count] = field(default_factory=dict)
    # not compared: the digest of the data tells other classes and groups, and format 1 did not have them
    class_names: tuple[str, ...] = field(default=(), compare=False)
    group_kind: str = field(default="", compare=False)
    subjects: Count = 0
    split: str = ""
    weights: str = ""
    keras_backend: str = ""
    feature_precision: str | None = None
    resize: str | None = None
    image_backend: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def backends(self) -> str:
        """The backends of Keras that train, in words; empty where that is not known."""
        of_images = f", on images {self.image_backend}" if self.image_backend else ""
        return f"{self.keras_backend}{of_images}"

    @property
    def is_drawn(self) -> bool:
        """Whether the data is drawn by a program: no photographs."""
        return self.source == DRAWN

    @property
    def is_of_gender(self) -> bool:
        """Whether the classes are the genders of Adience, CelebA or the sample, which others published on."""
        return self.source in GENDER_SOURCES and self.class_names == GENDERS

    @property
    def is_of_ages(self) -> bool:
        """Whether the classes are Adience's age groups, which others published on."""
        return self.class_names == AGE_GROUPS

    def to_dict(self) -> dict[str, Any]:
        """Returns the facts as JSON values."""
        values = asdict(self)
        others = values.pop("others")
        return {**values, "class_names": list(self.class_names), **others}  # JSON has no tuples

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudyFacts:
        """Returns the facts that `to_dict` wrote; raises ValueError where a fact is of another kind."""
        known = cls().to_dict()  # the defaults, which also tell of what type each fact is
        for name in known.keys() & values.keys():
            kind = str if known[name] is None else type(known[name])
            if values[name] is not None and not isinstance(values[name], kind):
                raise ValueError(f"{name} must be of type {kind.__name__}, received {values[name]!r}")
        # what an earlier version did not write has its default
        told = {name: values[name] for name in known if values.get(name) is not None}
        from data_prep.splits import protocol_name  # late: it loads pandas, which readers do without

        told["split"] = protocol_name(told.get("split", ""))
        told["class_names"] = tuple(map(str, told.get("class_names", ())))
        return cls(**told, others={name: fact for name, fact in values.items() if name not in known})


def read_facts(folder: Path) -> StudyFacts:
    """Returns the facts of the study in `folder`; raises InputError where there is none, or a damaged one."""
    path = Layout(folder).facts
    try:
        values = read_json(path, STUDY)
        written = values.pop("format")
        facts = StudyFacts.from_dict(values)
        require_schema(facts)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder} is not a study: it has no {path.name}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # whatever stands there
        raise damaged(path, error, "restore it or give another --study name") from error
    return _with_names(facts) if written == 1 else facts


def _with_names(facts: StudyFacts) -> StudyFacts:
    """Returns the facts of format 1 with the names of the classes; numbers where nobody kept them."""
    if facts.source in GENDER_SOURCES:
        return replace(facts, class_names=GENDERS, group_kind="face" if facts.subjects else "")
    return replace(facts, class_names=tuple(facts.labels))
