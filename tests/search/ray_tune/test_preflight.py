"""What a cluster must have before its first trial, without a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.storage.remote import is_file, located
from data_prep.storage.standing import standing, watched
from search.options.run_groups import MachineOptions
from search.ray_tune import preflight
from search.ray_tune.nodes import prepare_nodes
from search.ray_tune.preflight import (
    Errand,
    Node,
    Share,
    Sight,
    describe_nodes,
    look_around,
    require_ready,
)

HERE, THERE = Node("a" * 20, "head", "10.0.0.1", 2, 0), Node("b" * 20, "gpu1", "10.0.0.2", 4, 1)


@pytest.fixture
def errand(tmp_path: Path) -> Errand:
    """An errand in two folders, for a data set of three images."""
    images = [tmp_path / f"{number}.jpg" for number in range(3)]
    for image in images:
        image.touch()
    for name in ("study", "cache"):
        (tmp_path / name).mkdir()
    return Errand.of({"storage": tmp_path / "study", "cache": tmp_path / "cache"}, images, "tensorflow")


def look(errand: Errand) -> dict[Node, Sight]:
    """Returns what both nodes see, which are this machine."""
    return {node: look_around(errand, node.node_id) for node in (HERE, THERE)}


def test_require_ready_is_content_and_what_was_written_is_cleared_away(errand: Errand) -> None:
    require_ready(errand, look(errand))
    errand.clear([HERE, THERE])
    assert [list(folder.iterdir()) for folder in errand.folders.values()] == [[], []]


def test_require_ready_names_the_node_with_another_version(errand: Errand) -> None:
    sights = look(errand)
    other = {**sights[THERE].versions, "Keras": "3.0.0"}
    sights[THERE] = replace(sights[THERE], versions=other)
    with pytest.raises(
        InputError, match=r"node gpu1 \(10\.0\.0\.2\) has Keras 3\.0\.0, the driver's has 3\."
    ):
        require_ready(errand, sights)


def test_require_ready_names_the_folder_that_is_not_shared(errand: Errand) -> None:
    sights = look(errand)
    errand.probe("storage", THERE.node_id).unlink()  # what THERE wrote lies elsewhere
    said = (
        rf"{errand.folders['storage']} is not the same folder on node gpu1 .* is not here\); give --storage"
    )
    with pytest.raises(InputError, match=said):
        require_ready(errand, sights, settle_s=0)


def test_nothing_is_written_where_the_storage_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "SETTLE_S", 0)
    study, mark = tmp_path / "study", tmp_path / "study" / "study.json"
    study.mkdir()
    mark.touch()
    with watched(study, mark, 0, str):
        standing(study, study.stat)
        errand = Errand.of({"storage": study}, [], "tensorflow")
        mark.unlink()  # as an unmounted storage leaves its mount point
        sights = look(errand)
        assert list(study.iterdir()) == []
        with pytest.raises(
            InputError, match=r"not the same folder on node head .* \(it has no study\.json\)"
        ):
            require_ready(errand, sights)
        with pytest.raises(InputError, match="is gone, or another one has taken its place"):
            prepare_nodes(errand)


def test_require_ready_waits_for_a_file_that_the_network_delays(
    errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    sights = look(errand)
    late = errand.probe("storage", THERE.node_id)
    late.unlink()
    monkeypatch.setattr("time.sleep", lambda seconds: late.write_text(errand.token))
    require_ready(errand, sights)


def test_require_ready_says_why_a_folder_cannot_be_written(errand: Errand) -> None:
    errand.folders["cache"].rmdir()
    with pytest.raises(InputError, match=r"\(No such file or directory\); give --cache a folder that all"):
        require_ready(errand, look(errand))


def test_require_ready_names_the_image_that_a_node_lacks(errand: Errand) -> None:
    errand.images[-1].unlink()
    with pytest.raises(InputError, match=r"node head .* does not have the image .*2\.jpg; put the data"):
        require_ready(errand, look(errand))


def test_errand_asks_for_the_first_and_the_last_image(errand: Errand) -> None:
    assert [path.name for path in errand.images] == ["0.jpg", "2.jpg"]
    assert Errand.of(errand.folders, [Path("one.jpg")], "jax").images == (Path("one.jpg"),)


def test_describe_counts_what_there_is() -> None:
    assert list(describe_nodes([HERE, THERE])) == [
        "node      head (10.0.0.1): 2 CPUs, 0 GPUs",
        "node      gpu1 (10.0.0.2): 4 CPUs, 1 GPU",
        "cluster   2 nodes, 6 CPUs, 1 GPU",
    ]


def test_bucket_is_shared_by_nodes_that_reach_it(bucket: str) -> None:
    errand = Errand.of({"storage": located(f"{bucket}/study")}, [], "tensorflow")
    sights = look(errand)
    for node in (HERE, THERE):
        errand.probe("storage", node.node_id).unlink()  # each has written it on a disk of its own
    require_ready(errand, sights)
    errand.clear([HERE, THERE])
    assert not any(is_file(errand.probe("storage", node.node_id)) for node in (HERE, THERE))


def test_bucket_that_a_node_does_not_reach_is_one_sentence(bucket: str) -> None:
    errand = Errand.of({"cache": located(f"{bucket}/cache")}, [], "tensorflow")
    sights = look(errand)
    sights[THERE] = replace(sights[THERE], unwritable={"cache": "no credentials"})
    with pytest.raises(InputError, match=rf"{bucket}/cache is not the same folder on node gpu1 .*no credent"):
        require_ready(errand, sights)


@pytest.mark.parametrize(
    ("share", "fits"),
    [
        (Share(4, 1), True),
        (Share(5, 1), False),
        (Share(4, 2), False),
        (Share(4, 1, "T4"), True),
        (Share(4, 1, "A100"), False),
    ],
)
def test_share_fits_a_node_with_as_much_of_its_kind(share: Share, fits: bool) -> None:
    assert share.fits(Node("1", "one", "10.0.0.1", 4, 1, ("T4",))) is fits


def test_kind_of_a_share_is_a_resource_of_ray() -> None:
    machine = MachineOptions(gpus_per_trial=0.25, cpus_per_trial=1, accelerator="T4")
    assert (Share.of(machine).kind, Share.of(MachineOptions()).kind) == ({"accelerator_type:T4": 0.001}, {})
    assert str(Share.of(machine)) == "1 CPUs and 0.25 GPUs of kind T4"
