"""What may be tried: the stages, the joint search's values and ranges, and what they are called."""
