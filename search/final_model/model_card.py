"""The model card: what a finished model is, how accurate it was on what, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from data_prep.class_names import are_genders, shown_name
from data_prep.storage.atomic_files import write_whole
from search.report.render.markdown import plain_markdown, table_in_markdown
from search.statistics.number_text import NONE, decimal, low_to_high, with_spread
from search.study.descriptions import weights_in_words
from search.study.facts import DRAWN

# what a reader must know of the data, by the source in the manifest
KNOWN_OF: Mapping[str, Sequence[str]] = {
    "adience": (
        "Adience (Eidinger, Enbar, Hassner 2014): photographs that people put on Flickr, taken with phones. "
        "Its labels were given by people who looked at the photographs, not by those shown.",
        "Of Adience's subjects 86 % have lighter skin (Buolamwini and Gebru 2018), and its age groups are of "
        "very unequal size. Some subjects have many photographs and most have few, so a few count for much.",
    ),
    "celeba": (
        "CelebA (Liu et al. 2015): 202,599 photographs of 10,177 celebrities from the web, for research "
        "only. Its attribute `Male` was given by annotators and has errors.",
        "In CelebA 58 % of the photographs are annotated as not male and 77 % as young. Celebrities are made "
        "up, lit and retouched; children and old people are rare, and its women are younger than its men.",
    ),
    "folder": (
        "Photographs that the maker of this model gathered: who is shown, who labelled them and who is "
        "missing was not recorded here. Say so before you pass the model on.",
    ),
}
MUST_NOT = (
    "decide anything about a person: access, hiring, prices, treatment, safety, law enforcement;",
    "be asked about pictures of other kinds than those it was trained on: whatever it is shown, it names one "
    "of its classes;",
    "be trusted on kinds of pictures that are missing in the tables above: it was not tested on them.",
)
MUST_NOT_OF_GENDER = (
    "decide anything about a person: access, hiring, prices, treatment, safety, law enforcement;",
    "identify or track anybody, or search for people;",
    "say what gender somebody has. The two labels say how a face was annotated from its looks; people who "
    "are neither, and people who look otherwise than annotators expect, are answered wrongly by design;",
    "be applied to people who have not agreed, or to children outside research;",
    "be trusted on groups that are missing in the table above: classifiers of this kind were found to be "
    "wrong up to 34.7 % of the time for darker-skinned women and 0.8 % for lighter-skinned men (Buolamwini "
    "and Gebru 2018). Skin type was not annotated here, so this model was not tested for it.",
)


CARD_FILE = "model_card.md"

_NAMES = {"adience": "Adience (aligned)", "celeba": "CelebA (img_align_celeba)", "folder": "own photographs"}


@dataclass(frozen=True, kw_only=True)
class CardData:
    """A data set: `source`, `digest` and `class_names` of the manifest, `subjects` 0 where unknown."""

    source: str
    digest: str
    images: int
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    subjects: int = 0

    @property
    def is_of_gender(self) -> bool:
        """Whether the two classes are words for female and male, whoever gathered the photographs."""
        return are_genders(self.class_names)


@dataclass(frozen=True, kw_only=True)
class CardColumn:
    """One of the compared models: figures of its last epoch, one number per run; `auc` is of validation.

    The columns of a card have the same runs (splits and seeds) in the same order. `auc` may be empty.
    """

    name: str
    accuracy: tuple[float, ...]
    val_accuracy: tuple[float, ...]
    val_loss: tuple[float, ...]
    auc: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Everything that a model card says, in plain values.

    `weights` is the identity of the backbone's weights (`none`, `imagenet`, `file:…`, empty for a network
    from scratch); `pretrained_on` the data of the stage before, None without one; `finetune` what was
    trained last, in words. `split` names the split, `shared_groups` the groups with photographs on
    both sides. `breakdown` is of `search.statistics.classification_errors.break_down` for this model's
    validation images, `val_loss` its loss on them, `calibration` a sentence on its probabilities. `columns`
    are the compared models, `statement` says whether the gain is clear. `selected_on_validation`: the
    validation images also chose the hyperparameters. `held_out` is a sentence on data that no selection saw,
    empty without. `command` repeats the run.
    """

    name: str
    made_on: str
    backbone: str
    input_px: int
    weights: str
    config: Mapping[str, Any]
    finetune: str
    data: CardData
    pretrained_on: CardData | None = None
    split: str
    train_images: int
    validation_images: int
    shared_groups: int
    breakdown: Mapping[str, Any]
    val_loss: float
    calibration: str = ""
    columns: tuple[CardColumn, ...] = ()
    statement: str = ""
    selected_on_validation: bool = True
    held_out: str = ""
    versions: Mapping[str, str]
    command: str

    @property
    def names(self) -> list[str]:
        """The names of the classes, short and as Markdown in which nothing is markup."""
        return _shown_names(self.data)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the model says nothing about photographs, in sentences; empty where it may."""
        return (
            *(["It was trained on faces drawn by a program."] * (self.data.source == DRAWN)),
            *(["Its backbone has random weights."] * (self.weights == "none")),
        )


_MOST_IN_MATRIX = 30  # classes: a larger matrix cannot be read


def write_model_card(folder: Path, facts: CardFacts) -> Path:
    """Writes the card to `folder`/model_card.md, whole or not at all, and returns its path."""
    path = folder / CARD_FILE
    text = card_text(facts).encode()
    write_whole(path, lambda file: file.write(text))
    return path


def card_text(facts: CardFacts) -> str:
    """Returns the card as Markdown; the same facts give the same text."""
    sections = (
        _head(facts),
        ("## Results", *_results(facts)),
        ("## Data", *_data(facts)),
        ("## Training", *_training(facts)),
        (
            "## What it must not be used for",
            "It must not:",
            _bullets(MUST_NOT_OF_GENDER if facts.data.is_of_gender else MUST_NOT),
        ),
        ("## How to use it", *_usage(facts)),
    )
    return "\n\n".join(part for section in sections for part in section) + "\n"


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most)


def _answer(names: Sequence[str]) -> str:
    if len(names) == 2:
        return f"the probability of label 1 ({names[1]}), `(batch, 1)`. An answer near 0.5 is no answer."
    return (
        f"the probabilities of {_some(names, 20)}, in this order, `(batch, {len(names)})`. "
        f"An answer near {1 / len(names):.2g} is no answer."
    )


def _head(facts: CardFacts) -> tuple[str, ...]:
    picture = "photograph of a face" if facts.data.is_of_gender else "picture"
    *others, last = facts.names
    asked = f"as {last} rather than {' or '.join(others)}"
    if len(others) > 1:
        asked = f"as each of {_some(facts.names, 10)}"
    what = (
        f"Gives for a {picture} the probability that it would be annotated {asked}. Made on {facts.made_on}."
    )
    if not facts.warnings:
        return f"# {facts.name}", what
    warning = f"> **This model says nothing about photographs.** {' '.join(facts.warnings)}"
    return f"# {facts.name}", what, f"{warning} Its numbers show that the program works, and no more."


def _results(facts: CardFacts) -> Iterable[str]:
    found = facts.breakdown
    yield (
        f"On the {found['n']:,} validation images: accuracy **{decimal(found['accuracy'])}** (95 % interval "
        f"{low_to_high(found['interval'])}, Wilson's, images taken as independent), "
        f"loss {decimal(facts.val_loss)}, AUC {decimal(found['roc']['auc'])}."
    )
    yield from _cautions(facts)
    if facts.calibration:
        yield f"In the model {facts.calibration}. The loss above is before that."
    if len(facts.names) <= _MOST_IN_MATRIX:
        counts = zip(facts.names, found["confusion"], strict=True)
        yield table_in_markdown(
            ("annotated", *(f"said {name}" for name in facts.names)),
            [(name, *(f"{n:,}" for n in row)) for name, row in counts],
        )
    by_label = [(facts.names[row["label"]], *_accuracy(row)) for row in found["by_label"]]
    yield table_in_markdown(("annotated", "images", "accuracy", "95 % interval"), by_label)
    by_age = [(plain_markdown(row["age"]), *_accuracy(row)) for row in found["by_age"]]
    if len(by_age) > 1:
        yield table_in_markdown(("age group", "images", "accuracy", "95 % interval"), by_age)
    elif facts.data.is_of_gender:
        yield "The age groups are not known for this data, so the accuracy is not told apart by them."
    yield from _comparison(facts)


def _cautions(facts: CardFacts) -> Iterable[str]:
    if facts.shared_groups:
        yield (
            f"Groups with photographs in training and in validation: {facts.shared_groups:,}; on new "
            "people the accuracy is lower."
        )
    if facts.selected_on_validation:
        yield "The same images chose the hyperparameters, which makes the accuracy look better than it is."
    if facts.held_out:
        yield f"On data that no selection saw: {facts.held_out}"


def _comparison(facts: CardFacts) -> Iterable[str]:
    if not facts.columns:
        return
    runs = len(facts.columns[0].val_accuracy)
    basis = (
        f"{runs} runs each; mean ± standard deviation"
        if runs > 1
        else "one run each, so nothing is known of its noise"
    )
    yield f"The models that were compared, at the last epoch ({basis}):"
    rows = [
        (
            plain_markdown(column.name),
            *map(_mean, (column.accuracy, column.val_accuracy, column.val_loss, column.auc)),
        )
        for column in facts.columns
    ]
    yield table_in_markdown(("model", "accuracy", "val accuracy", "val loss", "AUC"), rows)
    if facts.statement:
        yield facts.statement


def _data(facts: CardFacts) -> Iterable[str]:
    yield _data_line("Trained on", facts.data)
    if facts.pretrained_on:
        yield _data_line("Before that, pretrained on", facts.pretrained_on)
    yield (
        f"Split `{facts.split}`: {facts.train_images:,} images for training, {facts.validation_images:,} for "
        "validation."
    )
    sources = dict.fromkeys(data.source for data in (facts.data, facts.pretrained_on) if data)
    known = [sentence for source in sources for sentence in KNOWN_OF.get(source, ())]
    if known:
        yield _bullets(known)


def _training(facts: CardFacts) -> Iterable[str]:
    start = f"starting from {weights_in_words(facts.weights)}" if facts.weights else "from scratch"
    yield f"`{facts.backbone}`, {start}; trained last: {facts.finetune}."
    settings = sorted(facts.config.items())
    yield table_in_markdown(
        ("setting", "value"), [(name, _show(value).replace("|", "\\|")) for name, value in settings]
    )
    yield "Made with " + ", ".join(f"{name} {version}" for name, version in facts.versions.items()) + "."
    yield "The command that repeats it:"
    yield f"```\n{facts.command}\n```"


def _usage(facts: CardFacts) -> Iterable[str]:
    faces = " --faces detect" if facts.data.is_of_gender else ""
    yield f"```\npython -m search.predict model.keras photo.jpg{faces} --out grid.png\n```"
    yield (
        f"Or load `model.keras` with plain Keras (`keras.saving.load_model`): it reads float32 RGB pixels in "
        f"0..255, `(batch, {facts.input_px}, {facts.input_px}, 3)`, and gives {_answer(facts.names)}"
    )


def _data_line(words: str, data: CardData) -> str:
    name = "faces drawn by a program" if data.source == DRAWN else _NAMES.get(data.source, data.source)
    classes = zip(_shown_names(data), data.class_counts, strict=True)
    counts = (f"{count:,} {class_name}" for class_name, count in classes)
    subjects = f" of {_count(data.subjects, 'subject')}" if data.subjects else ", subjects unknown"
    return f"{words} {name}: {data.images:,} images{subjects}, {', '.join(counts)}; digest `{data.digest}`."


def _shown_names(data: CardData) -> list[str]:
    return [plain_markdown(shown_name(name)) for name in data.class_names]


def _accuracy(row: Mapping[str, Any]) -> tuple[str, ...]:
    return f"{row['n']:,}", decimal(row["accuracy"]), low_to_high(row["interval"])


def _mean(values: Sequence[float]) -> str:
    return with_spread(fmean(values), stdev(values) if len(values) > 1 else None) if values else NONE


def _show(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
