"""The report's document as HTML, Markdown and pictures."""
