"""Indices of a ledger, so that not thousands of files are opened by those who look on."""

from search.study.index.kept_trials import keep_trials, read_kept
from search.study.index.whole_trials import is_large, stamps_in, unread_trials

__all__ = ["is_large", "keep_trials", "read_kept", "stamps_in", "unread_trials"]
