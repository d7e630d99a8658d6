"""Hyperparameters of trials, their domains, and the metrics, as TensorBoard's HParams page takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorboardX.proto.api_pb2 import DataType, Experiment, Status
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from search.space.joint_space import RANGES
from search.space.labels import label_of, show_value
from search.space.stages import EVERY_STAGE
from trainables.trial import Trial, TrialStatus

HparamValue = str | float | bool

HPARAM_METRICS = ("mean_val_accuracy", "best_val_accuracy", "val_accuracy", "val_loss", "accuracy", "loss")
_DIFFERS = b"\x38\x01"  # HParamInfo.differs, which tensorboardX's messages lack: field 7 is true
_SPANS = (*RANGES, "seed")  # too many values to list: from the least to the largest


def hyperparameters_of(trial: Trial, stage: str) -> dict[str, HparamValue]:
    """Returns the hyperparameters of `trial` with its split and `stage`; widths as text: "512/256"."""
    values = {**trial.config.to_dict(), "split": trial.split, "stage": stage}
    return {name: show_value(value) if isinstance(value, list) else value for name, value in values.items()}


class Domains:
    """The values that each hyperparameter may have: those of the stages, and all that were met.

    TensorBoard shows at first those hyperparameters of which more than one value was met.
    """

    def __init__(self) -> None:
        self._met: dict[str, set[HparamValue]] = {}
        self._values: dict[str, set[HparamValue]] = {}
        for stage in EVERY_STAGE.values():
            of_stage = self._values.setdefault(stage.hyperparameter, set())
            of_stage |= {show_value(value) if isinstance(value, tuple) else value for value in stage.values}
        for name, ends in RANGES.items():
            self._values.setdefault(name, set()).update({ends.low, ends.high})

    def add(self, values: Mapping[str, HparamValue]) -> bool:
        """Takes `values` in; returns whether that changed a domain, or what differs."""
        before = self._shown(), self._differing()
        for name, value in values.items():
            self._values.setdefault(name, set()).add(value)
            self._met.setdefault(name, set()).add(value)
        return before != (self._shown(), self._differing())

    def _differing(self) -> set[str]:
        return {name for name, values in self._met.items() if len(values) > 1}

    def _shown(self) -> dict[str, list[HparamValue]]:
        """Returns all values of each hyperparameter, or the least and the largest."""
        shown = {}
        for name, values in self._values.items():
            ordered = sorted(values, key=lambda value: (isinstance(value, str), value))  # numbers first
            shown[name] = [ordered[0], ordered[-1]] if name in _SPANS else ordered
        return shown

    def experiment(self) -> HParamsPluginData:
        """Returns what heads the table: hyperparameters with domains, and metrics."""
        experiment, differing = Experiment(), self._differing()
        for name, values in self._shown().items():
            info = experiment.hparam_infos.add(name=name, display_name=label_of(name))
            info.type = DataType.Value(_type_of(values))
            if name in _SPANS:
                info.domain_interval.min_value, info.domain_interval.max_value = map(float, values)
            else:
                info.domain_discrete.extend(values)
            if name in differing:
                info.MergeFromString(_DIFFERS)
        for name in HPARAM_METRICS:
            experiment.metric_infos.add(display_name=label_of(name)).name.tag = name
        return HParamsPluginData(experiment=experiment)


def session_start(values: Mapping[str, HparamValue], when: float) -> HParamsPluginData:
    """Returns that a trial with `values` began at `when` (seconds since 1970)."""
    data = HParamsPluginData()
    data.session_start_info.start_time_secs = when
    for name, value in values.items():
        _set(data.session_start_info.hparams[name], value)
    return data


def hyperparameters_in(start: HParamsPluginData) -> dict[str, HparamValue]:
    """Returns the hyperparameters that `session_start` was told."""
    fields = start.session_start_info.hparams.items()
    return {name: getattr(field, field.WhichOneof("kind")) for name, field in fields}


def session_end(status: TrialStatus, when: float) -> HParamsPluginData:
    """Returns that a trial ended at `when`; one that a scheduler stopped has succeeded."""
    data = HParamsPluginData()
    failed = status is TrialStatus.FAILED
    data.session_end_info.status = Status.Value("STATUS_FAILURE" if failed else "STATUS_SUCCESS")
    data.session_end_info.end_time_secs = when
    return data


def _set(field: Any, value: HparamValue) -> None:
    match value:
        case bool():  # before numbers, of which Python takes it for one
            field.bool_value = value
        case str():
            field.string_value = value
        case _:
            field.number_value = float(value)


def _type_of(values: list[HparamValue]) -> str:
    if all(isinstance(value, bool) for value in values):
        return "DATA_TYPE_BOOL"
    if any(isinstance(value, str) for value in values):
        return "DATA_TYPE_STRING"
    return "DATA_TYPE_FLOAT64"
