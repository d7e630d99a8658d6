"""Space of the search: the stages, the joint search's values and ranges, and what they are called."""
