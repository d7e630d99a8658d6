"""The command line: defaults, what a user may type, and a sentence for every combination that cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.options.parser import parse_options
from search.options.search_options import SearchOptions
from search.space.joint_space import VARIED, random_configs
from trainables.own_code import OwnCode
from trainables.trial import OWN_NETWORK, TrialConfig

Capture = pytest.CaptureFixture[str]

ALL_GIVEN = (
    "--backbone hassner --batch-size 8 --learning-rate 0.1 --hidden-units 64 --dropout 0.1 --l2 0 "
    "--schedule cosine"
)


def parsed(command: str) -> SearchOptions:
    return parse_options(command.split())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "",
            "--stage is needed: backbone, batch_size, lr, neurons, dropout, l2, schedule, optimizer, ",
        ),
        ("--stage learning", "argument --stage: invalid choice: 'learning'"),
        (
            "--stage lr --learning-rate 0.1",
            "--stage lr tries the values of --learning-rate itself; leave",
        ),
        ("--stage neurons --hidden-units 64", "--stage neurons tries the values of --hidden-units itself"),
        ("--stage schedule --schedule step", "--stage schedule tries the values of --schedule itself"),
        ("--stage lr --sweeps 2", "--sweeps goes through several stages, --stage lr is one; use --stage all"),
        (f"--stage all {ALL_GIVEN}", "--stage all has no stage left: every hyperparameter is given"),
        ("--stage lr --search tpe", "--search belongs to --mode joint; add it, or leave out the option"),
        ("--stage lr --scheduler asha", "--scheduler belongs to --mode joint"),
        ("--stage lr --num-samples 5", "--num-samples belongs to --mode joint"),
        ("--stage lr --time-budget 30m", "--time-budget belongs to --mode joint"),
        ("--stage lr --ranges", "--ranges belongs to --mode joint"),
        ("--stage lr --vary lr", "--vary belongs to --mode joint"),
        ("--stage lr --max-repeats 5", "--max-repeats belongs to --repeats auto"),
        (
            "--mode joint --search random --num-samples 4 --scheduler pbt --vary lr,l2",
            "--scheduler pbt varies lr and dropout; leave the others out of --vary",
        ),
        (
            "--mode joint --search tpe --num-samples 4 --scheduler pbt",
            "--scheduler pbt starts from a random population; use --search random, not tpe",
        ),
        (
            "--mode joint --search random --num-samples 4 --scheduler pbt --repeats 3",
            "--scheduler pbt changes values while it trains and cannot be repeated",
        ),
        ("--mode joint --scheduler pbt", "use --search random, not grid"),
        (
            "--mode joint --scheduler hyperband --pack 4",
            "pauses trials, which a pack cannot; leave out --pack",
        ),
        ("--mode joint --stage lr", "--mode joint varies all hyperparameters at once; leave out --stage"),
        ("--mode joint --sweeps 2", "leave out --stage and --sweeps"),
        (
            "--mode joint --ranges",
            "--search grid takes single values, --ranges has none; use --search",
        ),
        ("--mode joint --num-samples 5", "--search grid tries every configuration; leave out --num-samples"),
        ("--mode joint --search random", "--search random needs --num-samples, the number of configurations"),
        ("--mode joint --search tpe", "--search tpe needs --num-samples"),
        ("--mode joint --repeats auto", "--repeats auto is for stages; a joint search repeats its best"),
        ("--stage lr --seed 2147483647 --repeats 3", "the repeats after it must stay below 2147483648"),
        ("--stage lr --quiet --verbose", "--quiet says little and --verbose much; leave out one of them"),
        ("--stage lr --wandb maybe", "argument --wandb: invalid choice: 'maybe'"),
        ("--stage lr --backbone resnet50v2", "received 'resnet50v2'; did you mean resnet50_v2"),
        ("--stage lr --backbone keras:MobileNetV9", "did you mean keras:MobileNetV2"),
        ("--stage backbone --backbone hassner,resnet50v2", "did you mean resnet50_v2"),
        (
            "--stage lr --backbone hassner,resnet50_v2",
            "--stage lr stands on one backbone, received --backbone hassner,resnet50_v2; name one, or use",
        ),
        ("--mode joint --search random --num-samples 4 --values input_px=64..96", "input_px has no range"),
        (
            "--stage head",
            "--stage head tries what a file of yours declares; name it with --head FILE:FUNCTION",
        ),
        ("--stage lr --head build", "a file and a function such as my_heads.py:build, received 'build'"),
        ("--stage lr --head none.py:build", "the file of networks none.py cannot be read"),
        (
            "--stage lr --split kfold:1",
            "a split must be one of random, group, given, folds, kfold:K (K from 2)",
        ),
        ("--stage lr --keras-backend torch", "argument --keras-backend: invalid choice: 'torch'"),
        (
            "--stage lr --study a/b",
            "argument --study: must be the name of a folder, not a path, received 'a/b'",
        ),
        (
            "--stage lr --address ray://head:10001",
            "argument --address: a search cannot be led through Ray's client, received ray://head:10001; ",
        ),
        ("--mode joint --order lr", "--order is that of a staged search; leave it out, --vary says"),
        ("--mode both", "argument --mode: invalid choice: 'both'"),
        ("--mode joint --search bayes", "argument --search: invalid choice: 'bayes'"),
        ("--mode joint --scheduler fifo", "argument --scheduler: invalid choice: 'fifo'"),
        ("--stage all --order lr,lr", "a stage may be named once, lr is named 2 times; leave out one"),
        ("--stage all --order lr,neuron", "received 'neuron'; did you mean neurons?"),
        ("--mode joint --vary lr,droput", "received 'droput'; did you mean dropout?"),
    ],
)
def test_wrong_combination_is_told(command: str, said: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit_:
        parsed(command)
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--batch-size 0", "batch_size must be a whole number of at least 1, received 0"),
        ("--epochs 1" + 40 * "0", "epochs may be at most 1,000,000, received 1000"),
        (
            "--hidden-units 64/1000000000000",
            "hidden_units may be at most 65,536, received (64, 1000",
        ),
        (
            "--hidden-units " + "/".join(["2"] * 101),
            "hidden_units may be of at most 100 layers",
        ),
        ("--sweeps 1" + 40 * "0", "must be a whole number from 1 to 2,147,483,647, received '10000"),
        ("--study CON", "must be a name that any system takes"),
        ("--study a:b", "must be a name that any system takes"),
        ("--study a\x1b[2J", "must be a name that any system takes"),
        ("--batch-size 2.5", "argument --batch-size: must be a whole number, received '2.5'"),
        ("--learning-rate 0", "learning_rate must be a positive number, received 0.0"),
        ("--learning-rate nan", "learning_rate must be a positive number, received nan"),
        ("--hidden-units 64/x", "widths are whole numbers such as 512/256/128, or none, received '64/x'"),
        ("--hidden-units 64/0", "hidden_units must be whole numbers of at least 1"),
        ("--dropout 1", "dropout must lie in [0, 1), received 1.0"),
        ("--l2 -0.1", "l2 must be 0 or more, received -0.1"),
        ("--bn-statistics batch", "argument --bn-statistics: invalid choice: 'batch'"),
        ("--bn-momentum 1", "bn_momentum must lie in [0, 1), received 1.0"),
        ("--bn-statistics exact --bn-momentum 0.9", "bn_momentum 0.9 goes with bn_statistics momentum only"),
        ("--schedule linear", "must be one of constant, cosine, step, reduce_on_plateau, received 'linear'"),
        ("--epochs 0", "epochs must be a whole number of at least 1, received 0"),
        ("--seed -1", "seed must be a whole number from 0, received -1"),
        ("--sweeps 0", "argument --sweeps: must be a whole number from 1, received '0'"),
        ("--repeats 0", "argument --repeats: must be a whole number from 1, received '0'"),
        ("--repeats many", "argument --repeats: must be a whole number from 1, received 'many'"),
        ("--max-repeats 2", "argument --max-repeats: must be a whole number from 3, received '2'"),
        ("--cpus-per-trial 0", "argument --cpus-per-trial: must be a whole number from 1, received '0'"),
        ("--gpus-per-trial 1.5", "must be a share up to 1 or a whole number, received '1.5'"),
        ("--gpus-per-trial -1", "must be a share up to 1 or a whole number, received '-1'"),
        ("--gpus-per-trial one", "must be a share up to 1 or a whole number, received 'one'"),
        ("--accelerator T4", "--accelerator is a kind of GPU, and trials have none; add --gpus-per-trial 1"),
        ("--max-concurrent 0", "argument --max-concurrent: must be a whole number from 1, received '0'"),
        ("--max-failures -1", "argument --max-failures: must be a whole number from 0, received '-1'"),
        ("--time-budget soon", "a time is a number with s, m or h, such as 30m, received 'soon'"),
        ("--time-budget 0", "a time is a number with s, m or h"),
        ("--time-budget -5m", "argument --time-budget: expected one argument"),
        ("--time-budget m", "a time is a number with s, m or h"),
        ("--time-budget inf", "a time is a number with s, m or h"),
        ("--frobnicate", "unrecognized arguments: --frobnicate"),
        ("--learning 0.1", "unrecognized arguments: --learning; did you mean --learning-rate?"),
    ],
)
def test_wrong_value_is_told(option: str, said: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit_:
        parsed(f"--stage backbone {option}")
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


def test_what_is_not_typed_has_its_default() -> None:
    assert parsed("--stage lr") == SearchOptions(stage="lr")


@pytest.mark.parametrize(
    ("command", "varied"),
    [
        ("--mode joint", VARIED),
        ("--mode joint --vary lr,l2", ("lr", "l2")),
        ("--mode joint --backbone hassner,resnet50_v2", ("backbone", *VARIED)),
        ("--mode joint --search random --num-samples 4 --scheduler pbt", ("lr", "dropout")),
    ],
)
def test_joint_search_varies(command: str, varied: tuple[str, ...]) -> None:
    assert parsed(command).varied == varied


def test_page_for_keras_tuner_draws_what_its_table_says() -> None:
    page = (Path(__file__).parents[3] / "docs" / "coming-from.md").read_text("utf-8")
    (command,) = re.findall(r"^python -m search.run (.*nesterov=.*)$", page, re.MULTILINE)
    options = parsed(command)
    drawn = random_configs(TrialConfig(**options.given), options.space_to_try(), 40)
    assert {config.optimizer for config in drawn} == {"adam", "sgd"}
    assert {config.activation for config in drawn} == {"gelu"}
    assert all(1e-4 <= config.learning_rate <= 0.1 and config.dropout <= 0.5 for config in drawn)
    assert all(isinstance(config.batch_size, int) and 16 <= config.batch_size <= 256 for config in drawn)
    # the scope of sgd: with adam neither is drawn
    assert {(config.momentum, config.nesterov) for config in drawn if config.optimizer == "adam"} == {
        (0, False)
    }
    assert {config.nesterov for config in drawn if config.optimizer == "sgd"} == {True, False}


HEADS = Path(__file__).parents[3] / "examples" / "my_heads.py"


def test_head_of_ones_own_is_held_by_its_function_and_digest() -> None:
    given = parsed(f"--stage lr --head {HEADS}:build?rank=32&gate=sigmoid").given
    assert given == {"head": "build?rank=32", "head_source": OwnCode.read(HEADS).digest}


def test_network_of_ones_own_is_its_backbone_too() -> None:
    given = parsed(f"--stage lr --network {HEADS}:small_cnn --augment flip").given
    assert given == {
        "augment": "flip",
        "head": "small_cnn",
        "head_source": OwnCode.read(HEADS).digest,
        "backbone": OWN_NETWORK,
    }


@pytest.mark.parametrize(
    ("command", "values"),
    [
        (
            "--stage head",
            ("build", "build?gate=tanh", "build?rank=32", "build?rank=32&gate=tanh"),
        ),
        ("--stage head --values head=build?rank=64,build?rank=8", ("build?rank=64", "build")),
        ("--stage all --values head=build?rank=16", ("build?rank=16",)),
        ("--mode joint --vary lr,head --values head=build", ("build",)),
    ],
)
def test_values_of_a_head_of_ones_own(command: str, values: tuple[str, ...]) -> None:
    options = parsed(f"{command} --head {HEADS}:build")
    assert options.values["head"] == values
    assert "head" not in options.given


@pytest.mark.parametrize("options", ["--stage all", "--mode joint", "--stage backbone"])
def test_several_backbones_are_values_to_try(options: str) -> None:
    both = parsed(f"{options} --backbone hassner,keras:MobileNetV2+resnet50_v2")
    assert both.values["backbone"] == ("hassner", "keras:MobileNetV2+resnet50_v2")
    assert "backbone" not in both.given


def test_backbone_that_the_preset_does_not_vary_is_tuned_first() -> None:
    options = parsed("--stage all --preset heads --backbone resnet50_v2,inception_v3 --values clip_norm=0,1")
    assert (options.order[0], options.order[-1]) == ("backbone", "clip_norm")


def test_given_holds_the_hyperparameters_that_were_typed_and_no_others() -> None:
    assert parsed("--stage lr").given == {}
    assert parsed(f"--stage lr --epochs 3 --seed 0 {ALL_GIVEN.replace('--learning-rate 0.1', '')}").given == {
        "backbone": "hassner",
        "batch_size": 8,
        "hidden_units": (64,),
        "dropout": 0.1,
        "l2": 0.0,
        "learning_rate_schedule": "cosine",
        "epochs": 3,
        "seed": 0,
    }


def test_who_gives_a_momentum_asks_for_running_averages() -> None:
    given = parsed("--stage lr --bn-momentum 0.9").given
    assert given == {"bn_statistics": "momentum", "bn_momentum": 0.9}


@pytest.mark.parametrize(
    ("text", "widths"), [("512/256/128", (512, 256, 128)), ("512,256", (512, 256)), ("64", (64,))]
)
def test_hidden_units(text: str, widths: tuple[int, ...]) -> None:
    assert parsed(f"--stage lr --hidden-units {text}").held.hidden_units == widths


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("45", 45)])
def test_time_budget(text: str, seconds: float) -> None:
    assert parsed(f"--mode joint --time-budget {text}").joint.time_budget_s == seconds


@pytest.mark.parametrize(("text", "repeats"), [("1", 1), ("5", 5), ("auto", "auto")])
def test_repeats(text: str, repeats: int | str) -> None:
    assert parsed(f"--stage lr --repeats {text}").deciding.repeats == repeats


@pytest.mark.parametrize(("text", "gpus"), [("0", 0), ("0.25", 0.25), ("2", 2)])
def test_gpus_per_trial(text: str, gpus: float) -> None:
    assert parsed(f"--stage lr --gpus-per-trial {text}").machine.gpus_per_trial == gpus


@pytest.mark.parametrize(
    "command",
    [
        "--stage all --sweeps 3 --order lr,dropout",
        "--stage all --learning-rate 0.1",
        "--mode joint",
        "--mode joint --search random --num-samples 5 --ranges --vary lr,l2",
        "--mode joint --search tpe --num-samples 5 --scheduler asha --time-budget 30m --repeats 3",
    ],
)
def test_right_combination(command: str) -> None:
    parsed(command)


DEFAULTS = {
    "--mode": "staged",
    "--data": "the built-in sample of drawn faces",
    "--data-root": "as in the manifest",
    "--split": "the preset's: the report's random 80/20; by groups, where known, for other data",
    "--weights": "imagenet for photographs, none for the drawn sample",
    "--backbone": "resnet50_v2, or an earlier stage",
    "--batch-size": "32, or an earlier stage",
    "--learning-rate": "0.001, or an earlier stage",
    "--hidden-units": "1024/512/256, or an earlier stage",
    "--dropout": "0.0, or an earlier stage",
    "--l2": "0.0, or an earlier stage",
    "--schedule": "constant, or an earlier stage",
    "--bn-statistics": "momentum for the report's data and preset, else exact",
    "--bn-momentum": "the report's 0.99",
    "--optimizer": "adam, or an earlier stage",
    "--momentum": "0.0, or an earlier stage",
    "--nesterov": "false, or an earlier stage",
    "--weight-decay": "0.0, or an earlier stage",
    "--clip-norm": "0.0, or an earlier stage",
    "--warmup": "0, or an earlier stage",
    "--label-smoothing": "0.0, or an earlier stage",
    "--class-weight": "none, or an earlier stage",
    "--activation": "relu, or an earlier stage",
    "--normalisation": "batch, or an earlier stage",
    "--patience": "0",
    "--preset": "report for Adience, CelebA and the drawn sample, heads for other data",
    "--values": "the preset's",
    "--epochs": "20",
    "--seed": "7",
    "--order": "the preset's: backbone,batch_size,lr,neurons,dropout,l2,schedule, for instance",
    "--sweeps": "1",
    "--search": "grid",
    "--scheduler": "none",
    "--time-budget": "none",
    "--vary": "those of --values, else the preset's: batch_size,lr,neurons,dropout, 576 configurations, "
    "for instance; with pbt lr,dropout",
    "--repeats": "1",
    "--max-repeats": "10",
    "--margin": "0.005",
    "--ablate": "yes",
    "--objective": "mean_val_accuracy",
    "--final-model": "head",
    "--finetune": "head",
    "--finetune-rate": "0.1 of the winner's",
    "--pretraining-epochs": "as many as a trial has",
    "--augment": "none",
    "--precision": "float32",
    "--train-batchnorm": "they stay as in inference",
    "--study": "the manifest's name",
    "--storage": "results",
    "--cache": "cache",
    "--tensorboard": "yes",
    "--wandb": "auto, online where a key is configured",
    "--wandb-project": "stagewise",
    "--wandb-entity": "the key's own",
    "--mlflow": "none",
    "--keras-backend": "auto",
    "--feature-precision": "float32",
    "--resize": "bilinear",
    "--address": "start Ray on this machine",
    "--cpus-per-trial": "2, or all of a smaller machine",
    "--gpus-per-trial": "0",
    "--accelerator": "any",
    "--input-px": "the backbone's own, or an earlier stage",
    "--pooling": "average, or an earlier stage",
    "--unfrozen-blocks": "0, or an earlier stage",
    "--mixup": "0",
    "--head": "dense blocks",
    "--network": "a backbone with a head",
    "--max-concurrent": "all that fit",
    "--max-failures": "2",
    "--local-cache": "read them in --cache",
    "--node-timeout": "15m",
    "--wait-for-storage": "it ends at once",
    "--pack": "on a GPU as many as fit, on a CPU 1, which is faster there",
}
WITHOUT_DEFAULT = {
    "--start-from",
    *(
        "--help",
        "--version",
        "--stage",
        "--num-samples",
        "--ranges",
        "--ordered",
        "--final",
        "--dry-run",
        "--join",
        "--json",
    ),
    *("--quiet", "--verbose", "--celeba", "--celeba-root", "--print-study-file"),
}


def test_help_has_every_option_with_its_default(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit) as exit_:
        parsed("--help")
    assert exit_.value.code == 0
    blocks = re.split(r"^  (?:-h, )?(--[\w-]+)", capsys.readouterr().out, flags=re.MULTILINE)[1:]
    lines = zip(blocks[::2], blocks[1::2], strict=True)
    told = {option: re.search(r"\(default: (.*)\)\n", line) for option, line in lines}
    assert {option: match[1] for option, match in told.items() if match} == DEFAULTS
    assert {option for option, match in told.items() if not match} == WITHOUT_DEFAULT


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--storage file", "--storage must be a folder, received the file"),
        ("--cache file", "--cache must be a folder, received the file"),
        ("--cache results/mine/cache", "--cache must lie outside of studies, received"),
        ("--cache results/new/cache --study new", "--cache must lie outside of studies, received"),
    ],
)
def test_places_that_cannot_be_are_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, options: str, said: str
) -> None:
    (tmp_path / "results" / "mine").mkdir(parents=True)
    (tmp_path / "results" / "mine" / "study.json").write_text("{}")
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        parsed(f"--stage lr {options}")
    assert said in " ".join(capsys.readouterr().err.split())
