"""The model card says what it must, in text that can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.final_model.model_card import CardColumn, CardData, CardFacts, card_text, write_model_card
from search.statistics.classification_errors import break_down

ADIENCE = CardData(
    source="adience",
    digest="a" * 32,
    images=12_194,
    class_names=("female", "male"),
    class_counts=(6_455, 5_739),
    subjects=2_284,
)
CELEBA = CardData(
    source="celeba",
    digest="c" * 32,
    images=202_599,
    class_names=("female", "male"),
    class_counts=(118_165, 84_434),
)
ANIMALS = CardData(
    source="folder",
    digest="b" * 32,
    images=80,
    class_names=("cat | tabby", "<b>dog</b>"),
    class_counts=(30, 50),
)
FACTS = CardFacts(
    name="adience",
    made_on="2026-01-01",
    backbone="resnet50_v2",
    input_px=224,
    weights="imagenet",
    config={"batch_size": 32, "hidden_units": [1024, 512, 256]},
    finetune="the head on cached features",
    data=ADIENCE,
    pretrained_on=CELEBA,
    split="random",
    train_images=9_755,
    validation_images=2_439,
    shared_groups=1_204,
    breakdown=break_down(
        [0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9], ["(0, 2)", "(25, 32)", "(25, 32)", None], ("female", "male")
    ),
    val_loss=0.3123,
    columns=(
        CardColumn(
            name="untuned",
            accuracy=(0.99, 0.98),
            val_accuracy=(0.88, 0.90),
            val_loss=(0.31, 0.33),
            auc=(0.95, 0.96),
        ),
        CardColumn(name="tuned", accuracy=(0.96, 0.97), val_accuracy=(0.90, 0.92), val_loss=(0.3, 0.3)),
    ),
    statement="tuned is better than untuned by 0.0200.",
    versions={"stagewise": "0.1.0", "keras": "3.15.1"},
    command="python -m search.run --stage finetune --data adience.parquet --celeba celeba.parquet",
)


def _text(**changes: Any) -> str:
    return card_text(replace(FACTS, **changes))


@pytest.mark.parametrize(
    "part",
    [
        "# adience\n",
        "annotated as male rather than female",
        "On the 4 validation images: accuracy **0.7500** (95 % interval 0.3006 to 0.9544",
        "loss 0.3123, AUC 1.0000",
        "| female | 1 | 1 |\n| male | 0 | 2 |",
        "| (25, 32) | 2 | 0.5000 |",
        "| unknown | 1 | 1.0000 |",
        "| untuned | 0.9850 ± 0.0071 | 0.8900 ± 0.0141 | 0.3200 ± 0.0141 | 0.9550 ± 0.0071 |",
        "| tuned | 0.9650 ± 0.0071 | 0.9100 ± 0.0141 | 0.3000 ± 0.0000 | - |",
        "(2 runs each; mean ± standard deviation)",
        "tuned is better than untuned by 0.0200.",
        f"Trained on Adience (aligned): 12,194 images of 2,284 subjects, 6,455 female, 5,739 male; "
        f"digest `{'a' * 32}`.",
        "pretrained on CelebA (img_align_celeba): 202,599 images, subjects unknown",
        "Split `random`: 9,755 images for training, 2,439 for validation.",
        "training and in validation: 1,204; on new people the accuracy is lower",
        "The same images chose the hyperparameters",
        "starting from ImageNet weights; trained last: the head on cached features",
        "| hidden_units | 1024/512/256 |",
        "Made with stagewise 0.1.0, keras 3.15.1.",
        "```\npython -m search.run --stage finetune --data adience.parquet --celeba celeba.parquet\n```",
        "identify or track anybody",
        "decide anything about a person",
        "how a face was annotated",
        "86 % have lighter skin",
        "10,177 celebrities",
        "`(batch, 224, 224, 3)`",
    ],
)
def test_card_says(part: str) -> None:
    assert part in _text()


def test_card_of_photographs_and_trained_weights_has_no_warning() -> None:
    assert "says nothing about photographs" not in _text()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": replace(ADIENCE, source="sample")}, "It was trained on faces drawn by a program."),
        ({"weights": "none"}, "Its backbone has random weights."),
    ],
)
def test_card_warns(changes: dict[str, Any], reason: str) -> None:
    assert f"> **This model says nothing about photographs.** {reason}" in _text(**changes)


def test_card_of_drawn_faces_tells_nothing_of_adience() -> None:
    drawn = replace(ADIENCE, source="sample")
    text = _text(data=drawn, pretrained_on=replace(CELEBA, source="sample"))
    assert "Trained on faces drawn by a program: 12,194 images" in text
    assert "Eidinger" not in text


def test_card_of_own_photographs_asks_who_is_shown() -> None:
    assert "who is missing was not recorded" in _text(data=replace(ADIENCE, source="folder"))


def test_card_without_pretraining_does_not_speak_of_celeba() -> None:
    assert "CelebA" not in _text(pretrained_on=None)


def test_card_of_one_run_makes_no_statement_about_noise() -> None:
    one = CardColumn(name="untuned", accuracy=(0.99,), val_accuracy=(0.88,), val_loss=(0.31,))
    text = _text(columns=(one,))
    assert "one run each, so nothing is known of its noise" in text
    assert "| untuned | 0.9900 | 0.8800 | 0.3100 | - |" in text


def test_card_without_ages_says_so() -> None:
    text = _text(breakdown=break_down([0, 1], [0.1, 0.9], [None, None], ("female", "male")))
    assert "The age groups are not known" in text


def test_card_of_held_out_data() -> None:
    text = _text(held_out="accuracy 0.8912 on 2,438 images.", selected_on_validation=False)
    assert "On data that no selection saw: accuracy 0.8912 on 2,438 images." in text
    assert "The same images chose" not in text


def test_card_of_one_label_has_no_auc() -> None:
    assert "AUC -." in _text(breakdown=break_down([1, 1], [0.1, 0.9], [None, None], ("female", "male")))


def test_write_model_card(tmp_path: Path) -> None:
    path = write_model_card(tmp_path, FACTS)
    assert path == tmp_path / "model_card.md"
    assert path.read_text("utf-8") == card_text(FACTS)


def _animals() -> str:
    found = break_down([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9], [None] * 4, ANIMALS.class_names)
    return _text(data=ANIMALS, pretrained_on=None, breakdown=found)


@pytest.mark.parametrize(
    "part",
    [
        "Gives for a picture the probability that it would be annotated as \\<b\\>dog\\</b\\> rather than "
        "cat \\| tabby.",
        "| annotated | said cat \\| tabby | said \\<b\\>dog\\</b\\> |",
        "subjects unknown, 30 cat \\| tabby, 50 \\<b\\>dog\\</b\\>; digest",
        "- be asked about pictures of other kinds than those it was trained on",
        "python -m search.predict model.keras photo.jpg --out grid.png",
    ],
)
def test_card_of_other_classes_names_them_as_text(part: str) -> None:
    assert part in _animals()


@pytest.mark.parametrize("word", ["face", "gender", "female", "women", "age group", "label 0"])
def test_card_of_other_classes_says_nothing_of_people(word: str) -> None:
    assert word not in _animals()


def test_card_of_own_photographs_of_women_and_men_warns_as_that_of_adience() -> None:
    people = replace(ANIMALS, class_names=("Man", "Woman"))
    text = _text(data=people)
    assert "Gives for a photograph of a face" in text
    assert "- say what gender somebody has." in text
