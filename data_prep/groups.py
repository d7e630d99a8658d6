"""Groups of a data set: the images that must stay on one side of a split, and what such a group is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

USER, FACE, PHOTO = "user", "face", "photo"
ADIENCE_KINDS = (USER, FACE, PHOTO)
TOGETHER, APART = "together", "apart"  # equal and near-equal images: kept on one side of a split, or not
_SEVERAL = {"person": "people", "child": "children", "identity": "identities"}
_COLUMN, _ENDINGS = "column ", ("_id", "-id", " id", "_name", " name")


def groups_of(table: pd.DataFrame, kind: str) -> pd.Series:
    """Returns the group of every row of a manifest's table, NA where it is not known.

    It is the subject, but for two kinds of Adience, whose subject is "<user_id>/<face_id>": the user, and
    the photograph, which is the user and the name of the image without that of the face.
    """
    if kind == USER:
        return table["subject"].str.partition("/")[0]
    if kind == PHOTO:
        return _photographs(table)
    return table["subject"]


def _photographs(table: pd.DataFrame) -> pd.Series:
    import pandas as pd  # slow: who only looks at a study does without

    subjects = table["subject"].str.partition("/")
    names = table["path"].str.rpartition("/")[2].fillna("")
    # behind the face's number and a dot or an underscore, as in landmark_aligned_face.<face>.<image>
    images = [
        None if pd.isna(face) else name.partition("_aligned_face")[2][len(face) + 2 :]
        for name, face in zip(names, subjects[2], strict=True)
    ]
    return subjects[0] + "/" + pd.Series(images, index=table.index, dtype="string")


def group_nouns(kind: str) -> tuple[str, str]:
    """Returns what one group and several groups of a manifest's `group_kind` are called: "user", "users".

    Of groups that a column names it is the column's word, such as "patient"; without a word "group".
    """
    noun = kind.removeprefix(_COLUMN).lower()
    for ending in _ENDINGS:
        noun = noun.removesuffix(ending)
    named = kind in (*ADIENCE_KINDS, "identity") or kind.startswith(_COLUMN)
    if not named or not noun.isalpha() or noun in ("id", "name"):
        noun = "group"
    return noun, _SEVERAL.get(noun, f"{noun}s")
