"""Rivals: who is given up, and by what."""

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from forecast.sweeps.pruning import FOLDS, Rivals

EPOCHS = 4


def study_of(*others: dict, upward: bool = False) -> optuna.Study:
    study = optuna.create_study(
        direction="maximize" if upward else "minimize", pruner=Rivals(EPOCHS, 0.25, 0.5, least=4)
    )
    for other in others:
        study.add_trial(create_trial(**{"state": TrialState.PRUNED} | other))
    return study


def losses(*values: float, fold: int = 0) -> dict[int, float]:
    return {fold * EPOCHS + place: value for place, value in enumerate(values, start=1)}


def judged(study: optuna.Study, told: dict[int, float], folds: list[float] = ()) -> bool:
    trial = study.ask()
    for step, value in told.items():
        trial.report(value, step)
    if folds:
        trial.set_user_attr(FOLDS, list(folds))
    return trial.should_prune()


def test_the_worst_within_a_fit_go_but_not_before_half_of_it():
    study = study_of(*[{"intermediate_values": losses(0.9, value)} for value in (0.1, 0.2, 0.3, 0.4)])
    assert not judged(study, losses(5.0))
    assert judged(study, losses(5.0, 0.5))
    assert not judged(study, losses(5.0, 0.3))


def test_nobody_is_judged_before_enough_have_come_as_far():
    far = {"intermediate_values": losses(0.9, 0.1)}
    assert not judged(study_of(far, far, far), losses(9.0, 9.0))
    assert not judged(study_of(far, far, far, {"intermediate_values": losses(0.9)}), losses(9.0, 9.0))
    assert judged(study_of(far, far, far, far), losses(9.0, 9.0))


def test_a_fit_that_ended_early_keeps_its_best_loss():
    early = {"intermediate_values": losses(0.9, 0.1), "user_attrs": {FOLDS: [1.0]}}
    study = study_of(*[early] * 4)
    assert judged(study, losses(0.9, 0.2, 0.2))
    assert not judged(study, losses(0.9, 0.1, 0.05))


@pytest.mark.parametrize("upward", [False, True])
def test_after_a_fold_the_worse_half_by_its_error_goes_whatever_the_losses_say(upward):
    others = [
        {"user_attrs": {FOLDS: [value, value]}, "intermediate_values": losses(9.0)} for value in (1.0, 2.0, 3.0, 4.0)
    ]
    study = study_of(*others, upward=upward)
    good, bad = (3.5, 1.5) if upward else (1.5, 3.5)
    assert judged(study, losses(0.01, 0.01, 0.01, 0.01), folds=[bad])
    assert not judged(study, losses(99.0, 99.0), folds=[good])
    assert not judged(study, {}, folds=[good, good])
    assert judged(study, {}, folds=[bad, bad])


def test_in_the_next_fold_its_own_losses_count():
    told = {**losses(0.1, 0.1), **losses(0.9, 0.2, fold=1)}
    others = [{"intermediate_values": told, "user_attrs": {FOLDS: [1.0]}} for _ in range(4)]
    study = study_of(*others)
    assert not judged(study, {**losses(0.5), **losses(0.5, fold=1)}, folds=[1.0])
    assert judged(study, {**losses(0.1), **losses(0.1, 0.5, fold=1)}, folds=[1.0])
