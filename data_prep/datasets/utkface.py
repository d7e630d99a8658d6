"""UTKFace: faces whose age, gender and race stand in the names of their files."""

from __future__ import annotations

import re
from pathlib import Path

from data_prep.class_names import GENDERS
from data_prep.datasets.image_files import image_files
from data_prep.datasets.labels import Labels, existing_folder, labels_of
from data_prep.datasets.own_folder.folder_rules import FolderRules
from data_prep.datasets.row_collector import REPEATED_IMAGE, ImageRow, RowCollector

# the authors: 0 is male, 1 is female
_GENDER_OF = {"0": "male", "1": "female"}
_NAME = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_(?P<date>\d+)(\.\w+)+")
MALFORMED = "name is not age_gender_race_date.jpg"


def load_utkface(root: Path, rules: FolderRules | None = None) -> Labels:
    """Returns the images of UTKFace below `root` with the gender of their names as the label.

    The age is kept; a malformed name is counted and left out. A name that comes again in another folder is
    the same photograph, as the archives hold it twice. Of `rules`, the pattern of groups and links count.

    Raises InputError where no image is left.
    """
    root = existing_folder(root)
    rules = rules or FolderRules()
    collector = RowCollector()
    names: set[str] = set()
    for path in image_files(root, collector.tally, follow_links=rules.follow_links):
        name = path.rpartition("/")[2]
        found = _NAME.fullmatch(name)
        if found is None:
            collector.leave_out(MALFORMED, path)
        elif name in names:
            collector.leave_out(REPEATED_IMAGE, path)
        else:
            names.add(name)
            group = rules.group_in_path(path)
            collector.add(ImageRow(path, _GENDER_OF[found["gender"]], group, age=found["age"]))
    return labels_of(collector, root=root, source="utkface", class_names=GENDERS, group_kind="pattern")
