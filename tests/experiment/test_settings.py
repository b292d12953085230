"""Settings files: what is written can be read, what cannot be read is refused by name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.experiment.contestants import KINDS, PRESETS, from_table, to_table
from forecast.experiment.making import make
from forecast.experiment.settings import Experiment, Split, from_tables, read_experiment
from forecast.experiment.tables import override, read_toml, write_toml
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import gru
from forecast.training.settings import Training
from forecast.windows.window import Window

LEAST = 'data = "a.csv"\n[window]\ncontext = 8\nhorizon = 2\n[forecasters.naive]\n'
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
awkward = st.sampled_from(
    ["null", "NA", "1", "true", "1e5", 'say "so"', "a\\b", "Größe ü", "日付", "a.b", "x = 1", "\x7f"]
)


def my_cell(inputs: int, hidden_size: int):
    return gru(inputs, hidden_size)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    columns = draw(st.lists(names | awkward, min_size=3, max_size=6, unique=True))
    time, series, target, *rest = columns
    chosen = draw(st.lists(st.sampled_from(list(PRESETS)), unique=True))
    own = draw(names | awkward)
    forecasters = {"naive": PRESETS["naive"]} | {name: PRESETS[name] for name in chosen} | {own: PRESETS["gru"]}
    since = st.none() | names | awkward | st.integers(-99, 99) | st.floats(0.1, 0.9)
    return Experiment(
        data=draw(names | awkward),
        schema=Schema(
            draw(st.none() | st.just(time)), (target,), draw(st.none() | st.just(series)), rest[:1], rest[1:]
        ),
        window=Window(draw(st.integers(1, 99)), draw(st.integers(1, 99))),
        forecasters=forecasters,
        split=Split(draw(since), draw(st.integers(1, 9)), draw(st.none() | st.integers(1, 9))),
        training=Training(
            draw(st.integers(1, 9)), draw(st.floats(1e-9, 1e6)), seconds=draw(st.none() | st.floats(1e-3, 1e9))
        ),
    )


@settings(max_examples=150, deadline=None)
@given(experiments())
def test_an_experiment_survives_its_settings_file(experiment: Experiment):
    assert from_tables(tomllib.loads(experiment.to_toml()), "file") == experiment


@given(st.dictionaries(names, names | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)))
def test_tables_survive_toml(table: dict[str, object]):
    assert tomllib.loads(write_toml({"part": table}))["part"] == table


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_survives_its_table(name: str):
    assert from_table(name, to_table(PRESETS[name])) == PRESETS[name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dta = 1\n" + LEAST, r"s\.toml: no setting 'dta'; did you mean 'data'"),
        ('data = "a.csv"\n[forecasters.naive]', "'window' is missing"),
        ('data = "a.csv"\n[window]\ncontext = 8\nhorizon = 2', "'forecasters' is missing"),
        (LEAST.replace("horizon = 2\n", ""), "window: 'horizon' is missing"),
        (LEAST.replace("horizon", "horizn"), r"window: no setting 'horizn'; did you mean 'horizon'"),
        (LEAST.replace("= 2", '= "2"'), r'window\.horizon = "2": a whole number is needed'),
        (LEAST.replace("= 2", "= 2.0"), r"window\.horizon = 2\.0: a whole number"),
        (LEAST.replace("= 2", "= true"), r"window\.horizon = true: a whole number"),
        (LEAST.replace("= 2", "= 0"), "horizon=0"),
        (LEAST.replace('"a.csv"', "3"), "'data' is a file or the name of a data set"),
        (LEAST.replace("[window]\ncontext = 8\nhorizon = 2", "window = 3"), r"'window' is a table: write \[window\]"),
        (LEAST.replace("[forecasters.naive]", "[forecasters]\nnaive = 3"), r"write \[forecasters\.naive\]"),
        (LEAST.replace("[forecasters.naive]", "[forecasters]"), "no forecasters"),
        (LEAST + "[forecasters.guru]", r"forecasters\.guru: no preset of this name; did you mean 'gru'.*kind ="),
        (LEAST + '[forecasters.x]\nkind = "recurent"', r"forecasters\.x: no kind 'recurent'; did you mean 'recurrent'"),
        (LEAST + "[forecasters.x]\nkind = [1]", r"forecasters\.x: no kind"),
        (LEAST + "[forecasters.gru]\nhiden_size = 3", r"forecasters\.gru: no setting 'hiden_size'; did you mean"),
        (LEAST + '[forecasters.gru]\nscaling = "lsat"', r'forecasters\.gru\.scaling = "lsat": one of "last"'),
        (LEAST + '[training]\ndevice = "tpu"', r'training\.device = "tpu": one of "auto", "cpu", "gpu"'),
        (LEAST + "[training]\nlearning_rate = inf", r"training\.learning_rate = Infinity: a number"),
        (LEAST + "[training]\nepochs = 0", "epochs=0: at least 1"),
        (LEAST + '[schema]\ntargets = "y"', r'schema\.targets = "y": a list of texts in brackets'),
        (LEAST + "[schema]\ntargets = [1]", r"schema\.targets = \[1\]: a list of texts"),
        (LEAST + "[schema]\ntime = 5", r"schema\.time = 5: a text is needed"),
        (LEAST + '[split]\nbaseline = "naiv"', "baseline 'naiv': no such contestant; did you mean 'naive'"),
        (LEAST + "[split]\nstride = 0", "stride=0: at least 1"),
        ("data = \n", r"s\.toml: not a TOML file: .*line 1"),
    ],
)
def test_a_settings_file_that_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, message: str):
    path = tmp_path / "s.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=message):
        read_experiment(path)


def test_a_settings_file_may_be_short(tmp_path: Path):
    path = tmp_path / "s.toml"
    path.write_text(LEAST + "[forecasters.gru]\nhidden_size = 8\n[split]\nsince = 2024-01-31\n", "utf-8")
    experiment = read_experiment(path)
    assert experiment.split == Split(since="2024-01-31")  # a date of TOML is as good as a text
    gru_made = experiment.make("gru")
    assert isinstance(gru_made, Recurrent)
    assert gru_made.architecture.hidden_size == 8


def test_data_is_also_looked_for_beside_the_settings_file(tmp_path: Path):
    (tmp_path / "a.csv").write_text("date,y\n")
    (tmp_path / "s.toml").write_text(LEAST, "utf-8")
    assert read_experiment(tmp_path / "s.toml").data == str(tmp_path / "a.csv")


def test_a_settings_file_that_is_missing_or_no_text_is_said_to_be(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"nothing\.toml: cannot be read \(No such file"):
        read_toml(tmp_path / "nothing.toml")
    with pytest.raises(SettingsError, match="not a plain file"):
        read_toml(tmp_path)
    (tmp_path / "s.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not a text in UTF-8"):
        read_toml(tmp_path / "s.toml")


def test_set_changes_one_setting(tmp_path: Path):
    path = tmp_path / "s.toml"
    path.write_text(LEAST + "[forecasters.gru]\n", "utf-8")
    changed = read_experiment(
        path, ["forecasters.gru.hidden_size=16", "split.since=2020-05-01", "training.seconds=5", 'schema.targets=["y"]']
    )
    assert changed.forecasters["gru"] == PRESETS["gru"].__class__("gru", 16)
    assert (changed.split.since, changed.training.seconds, changed.schema.targets) == ("2020-05-01", 5, ("y",))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("window.context", "write NAME=VALUE"),
        ("=3", "write NAME=VALUE"),
        ("data.x=3", "'data' is a value, not a table"),
        ("window.contxt=3", "no setting 'contxt'"),
        ("window.context=many", r'window\.context = "many": a whole number'),
    ],
)
def test_a_wrong_set_is_refused(assignment: str, message: str):
    with pytest.raises(SettingsError, match=message):
        from_tables(override(tomllib.loads(LEAST), [assignment]), "s.toml")


def test_a_cell_may_be_an_import_path_in_a_settings_file():
    made = from_table("mine", {"kind": "recurrent", "cell": f"{__name__}:my_cell"}).make(Window(4, 2), Training())
    assert isinstance(made, Recurrent)
    assert made.network is None


def test_a_cell_that_cannot_be_imported_is_refused_when_it_is_made():
    with pytest.raises(SettingsError, match=r"cell 'no\.such:Cell' cannot be imported"):
        from_table("mine", {"kind": "recurrent", "cell": "no.such:Cell"}).make(Window(4, 2), Training())


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_has_defaults(kind: str):
    others = {"conformal": {"of": "naive"}, "ensemble": {"of": ["naive"]}}
    table = {"kind": kind} | others.get(kind, {})
    made = make("any", {"any": from_table("any", table)}, Window(4, 2), Training())
    assert made.window == Window(4, 2)
