"""Where Tune keeps its own state: away from the study, but for a population."""

from pathlib import Path

import pytest

from search.ray_tune.exchange import exchange_of_population, exchanging, own_exchange


def test_trials_that_exchange_nothing_have_a_folder_of_the_session(tmp_path: Path) -> None:
    folder = own_exchange(tmp_path)
    with exchanging(folder, lambda: None) as given:
        assert Path(given) == folder
        assert folder.parent == tmp_path
    assert not folder.exists()


@pytest.mark.parametrize(("others", "left"), [(False, 1), (True, 2)])
def test_population_takes_the_place_of_what_a_killed_one_left(
    tmp_path: Path, *, others: bool, left: int
) -> None:
    exchange_of_population(tmp_path, others=False)
    assert exchange_of_population(tmp_path, others=others).is_dir()
    assert len(list(tmp_path.iterdir())) == left


def test_what_a_callback_could_not_keep_is_raised_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), exchanging(own_exchange(tmp_path), lambda: OSError("full")):
        raise RuntimeError("an error of Tune's")
    with pytest.raises(RuntimeError), exchanging(own_exchange(tmp_path), lambda: None):
        raise RuntimeError("an error of Tune's")
    assert not list(tmp_path.iterdir())
