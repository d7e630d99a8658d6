"""The values of a trial: what they accept, how they are named, and what is read back of them."""

import json
import math
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.storage.json_files import write_json
from trainables.trial import EpochMetrics, Trial, TrialConfig, TrialResult, TrialStatus

TRIAL = Trial(
    config=TrialConfig(), data_digest="d1", split="random", weights="imagenet", keras_backend="tensorflow"
)


def _epoch(number: int, val_accuracy: float) -> EpochMetrics:
    return EpochMetrics(
        epoch=number,
        loss=0.1,
        accuracy=0.9,
        val_loss=0.3,
        val_accuracy=val_accuracy,
        learning_rate=1e-3,
        seconds=1.5,
    )


def _result(*val_accuracies: float, status: TrialStatus = TrialStatus.COMPLETED) -> TrialResult:
    epochs = tuple(_epoch(number, value) for number, value in enumerate(val_accuracies, 1))
    return TrialResult(trial=TRIAL, status=status, epochs=epochs, seconds=3.0, made_by={"node": "a"})


def test_config_defaults_are_the_values_of_the_report() -> None:
    assert TrialConfig().to_dict() == {
        "backbone": "resnet50_v2",
        "batch_size": 32,
        "learning_rate": 1e-3,
        "hidden_units": [1024, 512, 256],
        "dropout": 0.0,
        "l2": 0.0,
        "learning_rate_schedule": "constant",
        "epochs": 20,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("backbone", None, "backbone must be a name, received None"),
        ("batch_size", 0, "batch_size must be a whole number of at least 1, received 0"),
        ("batch_size", 32.0, "batch_size must be a whole number of at least 1, received 32.0"),
        ("batch_size", True, "batch_size must be a whole number of at least 1, received True"),
        ("epochs", 0, "epochs must be a whole number of at least 1, received 0"),
        ("epochs", "20", "epochs must be a whole number of at least 1, received '20'"),
        ("learning_rate", 0, "learning_rate must be a positive number, received 0"),
        ("learning_rate", -1e-3, "learning_rate must be a positive number, received -0.001"),
        ("learning_rate", math.nan, "learning_rate must be a positive number, received nan"),
        ("learning_rate", math.inf, "learning_rate must be a positive number, received inf"),
        ("learning_rate", "0.1", "learning_rate must be a positive number, received '0.1'"),
        (
            "hidden_units",
            [8, 0],
            "hidden_units must be whole numbers of at least 1, received (8, 0)",
        ),
        ("hidden_units", 512, "hidden_units must be whole numbers of at least 1, received 512"),
        (
            "hidden_units",
            "512",
            "hidden_units must be whole numbers of at least 1, received '512'",
        ),
        ("dropout", 1, "dropout must lie in [0, 1), received 1"),
        ("dropout", -0.1, "dropout must lie in [0, 1), received -0.1"),
        ("dropout", math.nan, "dropout must lie in [0, 1), received nan"),
        ("l2", -1e-4, "l2 must be 0 or more, received -0.0001"),
        ("l2", math.inf, "l2 must be 0 or more, received inf"),
        (
            "learning_rate_schedule",
            "linear",
            "learning_rate_schedule must be one of constant, cosine, step, reduce_on_plateau, "
            "received 'linear'",
        ),
        ("seed", -1, "seed must be a whole number from 0, received -1"),
        ("seed", True, "seed must be a whole number from 0, received True"),
        ("seed", 2**31, "seed must be a whole number from 0, received 2147483648"),
        ("augment", "rotate", "augment must be one of none, flip, crop_flip, received 'rotate'"),
        ("precision", "int8", "precision must be one of float32, bfloat16, float16, received 'int8'"),
        ("unfrozen_blocks", -1, "unfrozen_blocks must be a whole number from 0 or all, received -1"),
        ("unfrozen_blocks", "some", "unfrozen_blocks must be a whole number from 0 or all, received 'some'"),
        ("train_batchnorm", 1, "train_batchnorm must be true or false, received 1"),
        ("bn_statistics", "batch", "bn_statistics must be one of exact, momentum, received 'batch'"),
        ("bn_momentum", 1, "bn_momentum must lie in [0, 1), received 1"),
        ("bn_momentum", math.nan, "bn_momentum must lie in [0, 1), received nan"),
    ],
)
def test_config_refuses(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TrialConfig(**{field: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"momentum": 0.9},
            "momentum 0.9 goes with optimizer sgd only, received optimizer adam; leave out momentum, or "
            "change optimizer",
        ),
        (
            {"bn_statistics": "exact", "bn_momentum": 0.9},
            "bn_momentum 0.9 goes with bn_statistics momentum only, received bn_statistics exact; leave out "
            "bn_momentum, or change bn_statistics",
        ),
        (
            {"backbone": "hassner", "normalisation": "none"},
            "normalisation is of heads on a frozen backbone, hassner has none; leave it out",
        ),
    ],
)
def test_config_refuses_values_that_do_nothing_together(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TrialConfig(**values)


def test_config_without_hidden_layers_is_linear() -> None:
    assert TrialConfig(hidden_units=()).to_dict()["hidden_units"] == []


def test_config_at_a_default_that_came_later_does_not_name_it() -> None:
    assert TrialConfig(optimizer="adam", weight_decay=0, patience=0).to_dict() == TrialConfig().to_dict()


@pytest.mark.parametrize(
    ("patience", "accuracies", "over"),
    [
        (0, [0.5, 0.5, 0.5], False),
        (0, [0.5] * 4, True),
        (2, [0.5, 0.6, 0.6], False),
        (2, [0.6, 0.5, 0.5], True),
        (2, [0.5, 0.5, 0.5], True),
        (1, [], False),
    ],
)
def test_training_is_over(patience: int, accuracies: list[float], over: bool) -> None:
    config = TrialConfig(epochs=4, patience=patience)
    assert config.is_over([_epoch(number, value) for number, value in enumerate(accuracies, 1)]) is over


def test_config_from_dict_names_unknown_keys_and_the_known_ones() -> None:
    with pytest.raises(
        ValueError,
        match=r"^unknown hyperparameter a, lr; the known ones are backbone, .*head_source$",
    ):
        TrialConfig.from_dict({"lr": 0.1, "a": 1})


def test_config_from_dict_reads_what_to_dict_wrote() -> None:
    config = TrialConfig(hidden_units=(64, 32), dropout=0.1, l2=1e-4, learning_rate=3e-4, seed=0)
    assert TrialConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_key_is_stable() -> None:
    """A change here retrains every study's trials: keep it, or say so in the changelog."""
    assert TRIAL.key == "82ab58cfe02320b8"
    spelled = replace(TRIAL.config, bn_statistics="momentum", bn_momentum=0.99)
    assert replace(TRIAL, config=spelled).key == TRIAL.key


def test_epochs_of_an_earlier_version_are_read_and_what_they_do_not_tell_is_unknown() -> None:
    values = _result(0.5, 0.7).to_dict()
    for epoch in values["epochs"]:
        del epoch["train_accuracy_at_inference"], epoch["val_one_class"]
    result = TrialResult.from_dict(json.loads(json.dumps(values)))
    assert result.epochs[0].train_accuracy_at_inference is None
    assert result.one_class_epochs is None


def test_epochs_that_gave_one_class_are_counted() -> None:
    epochs = [replace(_epoch(number, 0.5), val_one_class=number < 3) for number in (1, 2, 3)]
    assert replace(_result(), epochs=tuple(epochs)).one_class_epochs == 2


def test_key_of_equal_numbers_is_equal() -> None:
    spelled = replace(TRIAL, config=TrialConfig(dropout=0, l2=0, hidden_units=[1024, 512, 256]))
    assert spelled.key == TRIAL.key


OTHER_VALUES = {
    "backbone": "inception_v3",
    "batch_size": 33,
    "learning_rate": 2e-3,
    "hidden_units": (1024, 512),
    "dropout": 0.1,
    "l2": 0.1,
    "learning_rate_schedule": "step",
    "epochs": 21,
    "seed": 8,
    "augment": "flip",
    "precision": "bfloat16",
    "unfrozen_blocks": "all",
    "train_batchnorm": True,
    "bn_statistics": "exact",
    "bn_momentum": 0.9,
    "optimizer": "sgd",
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "warmup_epochs": 2,
    "label_smoothing": 0.1,
    "activation": "gelu",
    "normalisation": "layer",
    "patience": 3,
    "input_px": 160,
    "pooling": "max",
    "class_weight": "balanced",
    "head": "build",
    "head_source": "0123",
    "mixup": 0.2,
}
ALLOWING: dict[str, dict[str, Any]] = {
    "momentum": {"optimizer": "sgd"},
    "nesterov": {"optimizer": "sgd"},
    "augment": {"unfrozen_blocks": 1},
    "mixup": {"unfrozen_blocks": 1},
}


def test_key_differs_for_every_hyperparameter() -> None:
    assert OTHER_VALUES.keys() == {item.name for item in fields(TrialConfig)}
    changed = [
        replace(TRIAL, config=TrialConfig(**{name: value, **ALLOWING.get(name, {})}))
        for name, value in OTHER_VALUES.items()
    ]
    assert len({TRIAL.key, *(trial.key for trial in changed)}) == 1 + len(OTHER_VALUES)


@pytest.mark.parametrize("field", ["data_digest", "split", "weights", "keras_backend", "start"])
def test_key_differs_for_every_fact_about_the_data_and_the_machine(field: str) -> None:
    assert replace(TRIAL, **{field: "other"}).key != TRIAL.key


def test_result_objective_is_the_mean_over_the_epochs() -> None:
    assert _result(0.5, 0.75, 1.0).mean_val_accuracy == 0.75


def test_result_best_epoch_is_the_first_of_equals() -> None:
    result = _result(0.5, 0.75, 0.75)
    assert (result.best_epoch, result.best_val_accuracy) == (2, 0.75)


def test_result_without_an_epoch_has_no_figures() -> None:
    result = _result(status=TrialStatus.FAILED)
    assert result.best_epoch is None
    assert math.isnan(result.mean_val_accuracy)
    assert math.isnan(result.best_val_accuracy)


@pytest.mark.parametrize("status", TrialStatus)
def test_result_from_dict_reads_what_to_dict_wrote(status: TrialStatus) -> None:
    result = replace(_result(0.5, 0.75, status=status), reason="why")
    assert TrialResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_result_from_dict_refuses_a_changed_configuration() -> None:
    values = _result(0.5).to_dict()
    values["config"]["learning_rate"] = 0.5
    with pytest.raises(ValueError, match=f"the key {TRIAL.key} is not that of the configuration"):
        TrialResult.from_dict(values)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"config": {"lr": 1}}, "unknown hyperparameter lr"),
        ({"status": "TERMINATED"}, "'TERMINATED' is not a valid TrialStatus"),
        ({"epochs": [{"epoch": 1}]}, "missing 6 required keyword-only arguments"),
    ],
)
def test_result_from_dict_refuses(change: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        TrialResult.from_dict(_result(0.5).to_dict() | change)


def test_result_from_dict_refuses_what_lacks_a_value() -> None:
    values = _result(0.5).to_dict()
    del values["split"]
    with pytest.raises(KeyError, match="split"):
        TrialResult.from_dict(values)


@pytest.mark.parametrize("finite", [(), (0.5,)])
def test_result_of_a_failed_trial_keeps_its_finite_epochs(finite: tuple[float, ...], tmp_path: Path) -> None:
    path = tmp_path / "trial.json"
    failed = replace(_result(*finite, status=TrialStatus.FAILED), reason="the loss is not finite")
    write_json(path, failed.to_dict())
    assert TrialResult.from_dict(json.loads(path.read_bytes())) == failed


def test_result_with_nan_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "trial.json", _result(math.nan).to_dict())
    assert not (tmp_path / "trial.json").exists()


def test_result_keeps_where_its_trial_started() -> None:
    started = make_result(replace(TRIAL, start="0123456789abcdef"))
    assert TrialResult.from_dict(json.loads(json.dumps(started.to_dict()))) == started
    assert "start" not in make_result(TRIAL).to_dict()


def make_result(trial: Trial) -> TrialResult:
    return TrialResult(trial=trial, status=TrialStatus.COMPLETED, epochs=(), seconds=1.0)


def test_dictionary_has_what_concerns_images_only_where_it_is_set() -> None:
    assert not {"augment", "precision", "unfrozen_blocks", "train_batchnorm"} & TrialConfig().to_dict().keys()
    config = TrialConfig(unfrozen_blocks=2, augment="flip")
    assert config.to_dict().keys() - TrialConfig().to_dict().keys() == {"unfrozen_blocks", "augment"}
    assert TrialConfig.from_dict(config.to_dict()) == config


def test_head_of_ones_own_decides_what_ours_are_told() -> None:
    with pytest.raises(ValueError, match="dropout is of the usual head, received build; leave out dropout"):
        TrialConfig(head="build", head_source="0123", dropout=0.2)
    assert TrialConfig(dropout=0.2).with_used(head="build").dropout == 0
    with pytest.raises(ValueError, match="a head of one's own stands on a frozen backbone"):
        TrialConfig(head="build", backbone="hassner")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"augment": "flip"}, "augment flip is of networks that train on images, received resnet50_v2 with"),
        ({"mixup": 0.2}, "mixup 0.2 is of networks that train on images, received resnet50_v2 with frozen"),
        (
            {"backbone": "hassner", "unfrozen_blocks": 1},
            "unfrozen_blocks is of pretrained backbones, hassner",
        ),
    ],
)
def test_value_for_networks_on_images_is_refused_elsewhere(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrialConfig(**values)


def test_value_for_networks_on_images_is_left_out_where_it_does_nothing() -> None:
    wanted = {"augment": "flip", "mixup": 0.2}
    assert TrialConfig().with_used(**wanted) == TrialConfig()
    assert TrialConfig().with_used(**wanted, unfrozen_blocks=1).mixup == 0.2
    assert TrialConfig().with_used(unfrozen_blocks=2, backbone="hassner").unfrozen_blocks == 0


@pytest.mark.parametrize(
    ("changes", "alike", "idle"),
    [
        ({}, True, True),
        ({"batch_size": 2}, False, False),
        ({"normalisation": "layer"}, False, False),
        ({"l2": 1e-3}, True, False),
        ({"optimizer": "adamw", "weight_decay": 0.1}, True, False),
        ({"clip_norm": 1.0}, True, False),
        ({"unfrozen_blocks": 1}, True, False),
        ({"backbone": "hassner"}, False, False),
        ({"head": "mine", "head_source": "0" * 16}, False, False),
    ],
)
def test_batch_norm_of_single_examples(changes: dict[str, Any], alike: bool, idle: bool) -> None:
    config = TrialConfig(**{"batch_size": 1, **changes})
    assert (config.normalises_single_examples, config.has_idle_weights) == (alike, idle)
    assert (config.step_cost < 1) == idle
