"""What is known of the public data sets, and what a classifier of annotated faces must not be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    "identify or track anybody, or search for people;",
    "say what gender somebody has. The two labels say how a face was annotated from its looks; people who "
    "are neither, and people who look otherwise than annotators expect, are answered wrongly by design;",
    "be applied to people who have not agreed, or to children outside research;",
    "be trusted on groups that are missing in the table above: classifiers of this kind were found to be "
    "wrong up to 34.7 % of the time for darker-skinned women and 0.8 % for lighter-skinned men (Buolamwini "
    "and Gebru 2018). Skin type was not annotated here, so this model was not tested for it.",
)
