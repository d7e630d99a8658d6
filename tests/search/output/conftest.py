"""The plans of fine-tuning, for the tests of this folder."""

from tests.search.finetune_plans import make_plan, pretraining, problem

__all__ = ["make_plan", "pretraining", "problem"]
