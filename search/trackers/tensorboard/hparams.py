"""Hyperparameters of trials, their domains, and the metrics, as TensorBoard's HParams page takes them."""

from __future__ import annotations

from collections.abc import Mapping

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
from tensorboard.plugins.hparams.summary_v2 import (
    Discrete,
    HParam,
    Metric,
    RealInterval,
    hparams_config_pb,
    hparams_pb,
)

from search.space.joint_space import RANGES
from search.space.labels import label_of, show_value
from search.space.stages import EVERY_STAGE
from search.trackers.runs import HparamValue
from trainables.trial import Trial, TrialStatus

HPARAM_METRICS = ("mean_val_accuracy", "best_val_accuracy", "val_accuracy", "val_loss", "accuracy", "loss")
_SPANS = (*RANGES, "seed")  # too many values to list: from the least to the largest


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

    def experiment(self) -> Summary:
        """Returns what heads the table: hyperparameters with domains, and metrics."""
        hyperparameters = [
            HParam(name, _domain_of(name, values), label_of(name)) for name, values in self._shown().items()
        ]
        summary = hparams_config_pb(
            hyperparameters, [Metric(name, display_name=label_of(name)) for name in HPARAM_METRICS]
        )
        # summary_v2 cannot be told what differs, so its message is read and written again
        plugin = summary.value[0].metadata.plugin_data
        data, differing = HParamsPluginData.FromString(plugin.content), self._differing()
        for info in data.experiment.hparam_infos:
            info.differs = info.name in differing
        plugin.content = data.SerializeToString()
        return summary


def session_start(trial: Trial, values: Mapping[str, HparamValue], when: float) -> Summary:
    """Returns that `trial` with `values` began at `when` (seconds since 1970)."""
    return hparams_pb(values, trial_id=trial.key, start_time_secs=when)


def hyperparameters_in(summary: Summary) -> dict[str, HparamValue]:
    """Returns the hyperparameters that `session_start` was told; none where it is another summary."""
    for value in summary.value:
        if value.tag == metadata.SESSION_START_INFO_TAG:
            start = metadata.parse_session_start_info_plugin_data(value.metadata.plugin_data.content)
            return {name: getattr(field, field.WhichOneof("kind")) for name, field in start.hparams.items()}
    return {}


def session_end(status: TrialStatus, when: float) -> Summary:
    """Returns that a trial ended at `when`; one that a scheduler stopped has succeeded."""
    failed = status is TrialStatus.FAILED
    ended = SessionEndInfo(
        status=Status.Value("STATUS_FAILURE" if failed else "STATUS_SUCCESS"), end_time_secs=when
    )
    told = metadata.create_summary_metadata(HParamsPluginData(session_end_info=ended))
    # summary_v2 has no function for an end, and the module that has one imports TensorFlow
    return Summary(value=[Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=told)])


def _domain_of(name: str, values: list[HparamValue]) -> RealInterval | Discrete:
    if name in _SPANS:
        return RealInterval(float(values[0]), float(values[-1]))
    if all(isinstance(value, bool) for value in values):
        return Discrete(values, bool)
    if any(isinstance(value, str) for value in values):
        return Discrete(map(str, values), str)
    return Discrete(map(float, values), float)
