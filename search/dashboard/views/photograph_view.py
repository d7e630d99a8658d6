"""Box to drop a photograph into, and what the study's final model says of it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from data_prep.class_names import shown_name
from data_prep.errors import InputError
from data_prep.pictures.files import MAX_FILE_BYTES
from search.dashboard.blocks import plain, show_table
from search.dashboard.model.classified import Answer, classified
from search.report.document import Table
from search.statistics.number_text import decimal

_ANSWER = "answer to the photograph"
_NOT_KNOWN = "Nothing is known of the calibration of these probabilities."


def show_photograph_box(model: Path) -> None:
    """Asks for a photograph, and shows the classes that `model` takes it for."""
    photograph = st.file_uploader(
        "Try it on a photograph of your own",
        key=f"photograph for {model}",
        max_upload_size=MAX_FILE_BYTES // 2**20,
        help="It is classified on the machine that serves this page, on its CPU, within seconds. It is "
        "stored nowhere, and forgotten with this page.",
    )
    if photograph is None:
        st.session_state.pop(_ANSWER, None)
        return
    answer = _kept_answer(model, photograph)
    if isinstance(answer, str):
        st.error(plain(answer))
    else:
        _show_answer(answer)


def _kept_answer(model: Path, photograph: UploadedFile) -> Answer | str:
    """Returns the answer, or a sentence why there is none; asked once, though the page refreshes itself."""
    asked = (photograph.file_id, model)
    known = st.session_state.get(_ANSWER)
    if known and known[0] == asked:
        return known[1]  # type: ignore[no-any-return]
    with st.spinner("Loading the model and asking it …"):
        try:
            answer: Answer | str = classified(model, photograph.name, photograph.getvalue())
        except (InputError, OSError) as error:
            answer = str(error)
        st.session_state[_ANSWER] = asked, answer
    return answer


def _show_answer(answer: Answer) -> None:
    first, probability = answer.classes[0]
    st.markdown(f"**{plain(shown_name(first))}**, with probability {decimal(probability)}")
    rows = [(shown_name(name), decimal(value)) for name, value in answer.classes]
    caption = "The likeliest classes of the photograph"
    show_table(Table(caption=caption, columns=("class", "probability"), rows=rows))
    for sentence in (answer.calibration or _NOT_KNOWN, *answer.caveats):
        st.caption(plain(f"{sentence[0].upper()}{sentence[1:]}".removesuffix(".") + "."))
