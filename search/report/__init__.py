"""The report on a study: one document, written as HTML, as Markdown and as pictures."""
