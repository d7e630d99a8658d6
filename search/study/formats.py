"""Formats of a study's files: the number that each carries, risen where its content changes."""

from __future__ import annotations

from data_prep.storage.json_files import Format

# `sealed_from` brought the digest; what others knew less:
STUDY = Format(3, sealed_from=3, oldest=1)  # study.json; 1 had no names of classes
# stages/*.json; 1 had fewer figures, 2 no margin, 4 no mistakes, 5 named nobody whom a verdict is not for,
# 6 kept no importance
STAGE = Format(7, sealed_from=4, oldest=1)
BASELINES = Format(2, sealed_from=2, oldest=1)  # baselines/*.json
# finetune.json; 1 had no margin, 2 no objective, 4 no calibration, 5 as in stages
FINETUNE = Format(6, sealed_from=4, oldest=1)
SPLIT_WORTH = Format(2, sealed_from=2, oldest=1)  # split_worth.json
HOLDER = Format(1, sealed_from=1, oldest=1)  # .holder.json, of the process that runs the study
LIVE = Format(2, sealed_from=2, oldest=1)  # live.json
MODEL = Format(3, sealed_from=2, oldest=1)  # winner/model.json; 2 knew no calibration
READINGS = Format(3, sealed_from=3, oldest=0)  # final.json; 1 had no intervals and no other readers
NOTES = Format(1, sealed_from=1, oldest=1)  # notes.json
STOP = Format(1, sealed_from=1, oldest=1)  # stop.json
COMMAND = Format(1, sealed_from=1, oldest=0)  # command.json
INDEX = Format(1, sealed_from=1, oldest=1)  # .ledger.json
KEPT_TRIALS = Format(1, sealed_from=1, oldest=1)  # .trials.json
SUGGESTIONS = Format(1, sealed_from=1, oldest=0)  # joint/*.json
LOGGED = Format(1, sealed_from=1, oldest=0)  # wandb/logged/<project>/*.json
