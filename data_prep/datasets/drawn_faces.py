"""Drawn faces: busts whose hair, beard, lips, brows, earrings and clothes follow given traits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]

HAIR: dict[str, Colour] = {
    "black": (28, 24, 26),
    "brown": (92, 58, 34),
    "blond": (206, 170, 98),
    "gray": (150, 148, 146),
}
SKIN: tuple[Colour, ...] = ((246, 214, 186), (228, 184, 150), (198, 146, 108), (150, 102, 70), (104, 68, 48))
WARM: tuple[Colour, ...] = ((206, 62, 92), (228, 120, 136), (190, 70, 150), (232, 140, 84))
COOL: tuple[Colour, ...] = ((40, 64, 118), (44, 74, 84), (56, 60, 70), (32, 42, 62))
_CANVAS = 200  # every length below is in these units; the picture is scaled afterwards


@dataclass(frozen=True, kw_only=True)
class Traits:
    """The traits of one person, the same in every drawing; lengths and amounts lie in [0, 1]."""

    skin: Colour
    hair: str
    hair_length: float
    beard: float
    lipstick: bool
    earrings: bool
    brow: float
    jaw: float
    warm_clothes: bool


def draw_traits(looks: int, rng: Generator) -> Traits:
    """Returns traits as they are frequent where a person looks like label `looks` (0 female, 1 male).

    Every single trait is drawn on its own, so that many people carry some of the other label's.
    """
    male = looks == 1
    return Traits(
        skin=SKIN[rng.integers(len(SKIN))],
        hair=str(rng.choice(list(HAIR), p=(0.42, 0.34, 0.1, 0.14) if male else (0.34, 0.34, 0.24, 0.08))),
        hair_length=float(rng.beta(1.2, 4.5) if male else rng.beta(4.0, 1.5)),
        beard=float(rng.uniform(0.45, 1.0)) if rng.random() < (0.55 if male else 0.02) else 0.0,
        lipstick=bool(rng.random() < (0.05 if male else 0.7)),
        earrings=bool(rng.random() < (0.08 if male else 0.5)),
        brow=float(np.clip(rng.normal(0.65 if male else 0.35, 0.2), 0, 1)),
        jaw=float(np.clip(rng.normal(0.62 if male else 0.38, 0.2), 0, 1)),
        warm_clothes=bool(rng.random() < (0.1 if male else 0.88)),
    )


def draw_face(traits: Traits, size: tuple[int, int], rng: Generator) -> Image.Image:
    """Returns an RGB picture of `size` (width, height; pixels): a person in some pose, light and place."""
    width, height = size
    canvas = Image.new("RGB", (_CANVAS, round(_CANVAS * height / width)), _background(rng))
    draw = ImageDraw.Draw(canvas)
    # the order of the random draws is part of the sample: another one would change its pictures
    middle = _CANVAS / 2 + rng.normal(0, 5)
    eyes = canvas.height * 0.45 + rng.normal(0, 4)
    _draw_backdrop(draw, canvas.size, rng)
    _draw_bust(draw, traits, middle, eyes, canvas.height, rng)
    _draw_features(draw, traits, middle, eyes, rng)
    turned = canvas.rotate(rng.normal(0, 4), resample=Image.Resampling.BILINEAR, fillcolor=_background(rng))
    small = turned.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 0.5)))
    return _lit(small, rng)


def _background(rng: Generator) -> Colour:
    red, green, blue = rng.uniform(125, 195) + rng.normal(0, 9, size=3)
    return int(red), int(green), int(blue)


def _draw_backdrop(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: Generator) -> None:
    for _ in range(3):
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        w, h = rng.uniform(10, 60), rng.uniform(20, 110)
        draw.rectangle((x, y, x + w, y + h), fill=_background(rng))


def _draw_bust(
    draw: ImageDraw.ImageDraw, traits: Traits, middle: float, eyes: float, bottom: int, rng: Generator
) -> None:
    hair = _shade(HAIR[traits.hair], rng.uniform(0.85, 1.15))
    palette = WARM if traits.warm_clothes else COOL
    clothes = _shade(palette[rng.integers(len(palette))], rng.uniform(0.8, 1.2))
    half, chin = 42 + 7 * traits.jaw, eyes + 58
    length = traits.hair_length * 95
    spread = half + 7 + 15 * traits.hair_length
    if traits.hair_length > 0.2:
        box = (middle - spread, eyes - 62, middle + spread, eyes + 10 + length)
        draw.rounded_rectangle(box, radius=spread * 0.8, fill=hair)
        _draw_strands(draw, box, hair, rng)
    draw.ellipse((middle - 88, chin + 4, middle + 88, bottom + 90), fill=clothes)
    draw.rectangle((middle - 17, chin - 20, middle + 17, chin + 18), fill=_shade(traits.skin, 0.86))
    draw.ellipse((middle - half - 2, eyes - 60, middle + half + 2, eyes + 20), fill=hair)
    draw.ellipse((middle - half, eyes - 46, middle + half, chin - 4), fill=traits.skin)
    jaw = half - 12 + 9 * traits.jaw
    draw.rounded_rectangle((middle - jaw, eyes, middle + jaw, chin), radius=jaw * 0.75, fill=traits.skin)
    if traits.beard:
        _draw_beard(draw, traits, hair, middle, eyes, jaw)


def _draw_strands(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], hair: Colour, rng: Generator
) -> None:
    left, top, right, end = box
    for x in np.linspace(left + 6, right - 6, 22):
        colour = _shade(hair, rng.uniform(0.7, 1.35))
        draw.line((x, top + 40, x + rng.normal(0, 4), end - rng.uniform(8, 22)), fill=colour, width=2)


def _draw_beard(
    draw: ImageDraw.ImageDraw, traits: Traits, hair: Colour, middle: float, eyes: float, jaw: float
) -> None:
    colour = _blend(traits.skin, _shade(hair, 0.9), traits.beard * 0.85)
    draw.rounded_rectangle((middle - jaw, eyes + 30, middle + jaw, eyes + 60), radius=jaw * 0.7, fill=colour)
    draw.rectangle((middle - 18, eyes + 26, middle + 18, eyes + 34), fill=colour)


def _draw_features(
    draw: ImageDraw.ImageDraw, traits: Traits, middle: float, eyes: float, rng: Generator
) -> None:
    dark = _shade(HAIR[traits.hair], 0.7)
    for side in (-1, 1):
        x = middle + side * 20
        draw.ellipse((x - 8, eyes - 5, x + 8, eyes + 5), fill=(244, 242, 238))
        draw.ellipse((x - 4, eyes - 4, x + 4, eyes + 4), fill=(52, 40, 34))
        lift = eyes - 12 - rng.uniform(0, 3)
        draw.line((x - 11, lift + 2, x + 11, lift), fill=dark, width=round(2 + 5 * traits.brow))
        if traits.earrings:
            lobe = middle + side * (45 + 6 * traits.jaw)
            draw.ellipse((lobe - 5, eyes + 18, lobe + 5, eyes + 30), fill=(236, 206, 96))
    nose = (middle, eyes + 4, middle - 3, eyes + 20, middle + 4, eyes + 21)
    draw.line(nose, fill=_shade(traits.skin, 0.7), width=2)
    lips = (190, 30, 56) if traits.lipstick else _blend(traits.skin, (150, 70, 66), 0.55)
    open_by = rng.uniform(3, 8)
    draw.ellipse((middle - 17, eyes + 38 - open_by / 2, middle + 17, eyes + 40 + open_by), fill=lips)


def _lit(image: Image.Image, rng: Generator) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    slope = np.linspace(-1, 1, image.width, dtype=np.float32)[None, :, None] * rng.normal(0, 11)
    tint = rng.normal(0, 3, size=3).astype(np.float32)
    grain = rng.normal(0, 7, size=pixels.shape[:2]).astype(np.float32)[..., None]
    lit = (pixels - 128) * rng.uniform(0.92, 1.1) + 128 + slope + tint + grain + rng.normal(0, 6)
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, int(channel * factor)) for channel in colour)
    return red, green, blue


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
