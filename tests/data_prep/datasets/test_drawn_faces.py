from __future__ import annotations

import numpy as np

from data_prep.datasets.drawn_faces import draw_face, draw_traits


def test_traits_follow_the_looks_with_exceptions() -> None:
    rng = np.random.default_rng(0)
    female, male = ([draw_traits(looks, rng) for _ in range(300)] for looks in (0, 1))
    lipstick = [float(np.mean([traits.lipstick for traits in people])) for people in (female, male)]
    beard = [float(np.mean([traits.beard > 0 for traits in people])) for people in (female, male)]
    assert 0.6 < lipstick[0] < 0.8
    assert 0 < lipstick[1] < 0.1
    assert 0.45 < beard[1] < 0.65
    assert beard[0] < 0.05


def test_face_has_the_asked_size_and_a_light_of_its_own() -> None:
    rng = np.random.default_rng(0)
    traits = draw_traits(0, rng)
    one, two = (np.asarray(draw_face(traits, (30, 40), rng)) for _ in range(2))
    assert one.shape == two.shape == (40, 30, 3)
    assert (one != two).any()
