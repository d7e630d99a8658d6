"""The soak: searches that are struck again and again must end as those that nobody struck."""
