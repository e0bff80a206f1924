"""Checks of the history: the loss, and training against validation."""

import numpy as np

from course_hw5.reports.checks.bands import with_gaps
from course_hw5.reports.checks.problem import check
from course_hw5.reports.checks.recorded_run import RecordedRun

CHANCE = 0.05  # of what there is to learn above guessing
JUMP = 1.3  # factor by which the training loss grows from one epoch to the next
ABOVE_GUESSING = 2.0  # times the loss of guessing
OVERFIT, RISE = 0.15, 1.15  # gap in score; validation loss above its lowest
LEAD = 0.15  # validation above training
LEARNT = 0.85  # accuracy from which the training loss must be small


@check(
    means="A weight became infinite or NaN: the learning rate is too high, the precision too low, or an input or label is NaN.",
    advice="Divide the learning rate by 10; then use float32, and look for NaN in the data.",
)
def loss_is_nan(run: RecordedRun) -> str | None:
    error = str(run.training.get("error") or "")
    if "loss became" in error:
        return f"Training ended: {error.partition(': ')[2].partition('. ')[0]}."
    losses = [name for name in ("loss", "val_loss") if name in run.history]
    broken = run.history[~np.isfinite(run.history[losses]).all(axis=1)] if losses else run.history[:0]
    return f"{' or '.join(losses)} is no number in epoch {int(broken['epoch'].iloc[0])}." if len(broken) else None


@check(
    "settings",
    means="The training was interrupted, or still runs: the best model may be yet to come; the test is not scored.",
    advice="Repeat the command with --resume; if it ended with an error, mend that first.",
)
def unfinished(run: RecordedRun) -> str | None:
    done, epochs = len(run.history), run.settings.get("epochs") or 0
    if done >= epochs and run.metrics:
        return None
    error = f" It ended with {run.training['error']}" if run.training.get("error") else ""
    return f"{done} of {epochs} epochs are finished, and there is {'a' if run.metrics else 'no'} test score.{error}"


@check(
    "loss",
    "classes",
    means="Steps are too large, and the loss is on its way to NaN; now and then a batch of broken data does the same.",
    advice="Divide the learning rate by 3 to 10, or use a warm-up or clipped gradients (clipnorm=1.0).",
)
def loss_grows(run: RecordedRun) -> str | None:
    guessing = np.log(len(run.class_shares))
    losses = run.history["loss"].to_numpy()
    jumps = [
        index
        for index in range(1, len(losses))
        if losses[index] > JUMP * losses[index - 1] and losses[index] - losses[index - 1] > 0.1 * guessing
    ]
    if jumps:
        index = jumps[-1]
        return f"The training loss rose from {losses[index - 1]:.3g} to {losses[index]:.3g} in epoch {index + 1}."
    high = np.flatnonzero(losses > ABOVE_GUESSING * guessing) if run.score != "mean_iou" else []
    if not len(high):
        return None
    return f"The training loss of epoch {high[0] + 1} is {losses[high[0]]:.3g}; that of guessing is {guessing:.3g}."


@check(
    "accuracy",
    "classes",
    means="Inputs and labels do not belong together (shuffled apart), or the steps are too small or far too large to learn.",
    advice="Overfit 100 examples; if that fails, show a batch of inputs with its labels, then change the learning rate.",
)
def no_learning(run: RecordedRun) -> str | None:
    found, epochs, high = run.last(run.score), len(run.history), run.guess + CHANCE * (1 - run.guess)
    usual = run.usual(run.score)
    if found > high or (found >= usual.low if usual else epochs < 3):
        return None
    loss = (
        f", and its loss {run.last('loss'):.3f} (guessing: {np.log(len(run.class_shares)):.3f})"
        if "loss" in run.history
        else ""
    )
    return f"Training accuracy is {found:.3f} after {epochs} epochs, that of guessing {run.guess:.3f}{loss}."


@check(
    "accuracy",
    "classes",
    means="The network fits its training labels, but they do not hold elsewhere: labels are shuffled or shifted in one split.",
    advice="Show ten training and ten validation examples with their labels; shuffle inputs and labels together.",
)
def validation_at_chance(run: RecordedRun) -> str | None:
    train, validation = run.last(run.score), run.last(f"val_{run.score}")
    if train < run.guess + 0.3 * (1 - run.guess) or validation > run.guess + CHANCE * (1 - run.guess):
        return None
    return f"Accuracy is {train:.3f} in training and {validation:.3f} in validation; guessing gives {run.guess:.3f}."


@check(
    "scores",
    "losses",
    means="The model overfits: what it learns of the training examples does not hold for others.",
    advice="Use more data or augmentation, dropout or weight decay, fewer epochs, or a smaller model.",
)
def overfit(run: RecordedRun) -> str | None:
    train, validation = run.last(run.score), run.last(f"val_{run.score}")
    usual = run.usual("gap")
    losses = run.history["val_loss"]
    if train - validation <= max(OVERFIT, usual.high if usual else 0.0) or losses.iloc[-1] < RISE * losses.min():
        return None
    told = f"the validation loss rose from {losses.min():.3f} (epoch {int(losses.argmin()) + 1}) to {losses.iloc[-1]:.3f}"
    return f"{run.score} is {train:.3f} in training and {validation:.3f} in validation, and {told}."


@check(
    "scores",
    "lead",
    means="Validation is easier than training: a leak, noisy training labels, or the augmentation and dropout of training.",
    advice="Look for validation examples among the training data; score the model on training data without augmentation.",
)
def validation_above_training(run: RecordedRun) -> str | None:
    """Validation after an epoch against training in the next one, since the training score is a mean over an epoch."""
    epochs, usual = len(run.history), run.usual("lead")
    lead = with_gaps(run.history, run.score)["lead"].iloc[-1]
    if not lead > (max(usual.high, 0.03) if usual else LEAD):  # NaN in the first epoch
        return None
    told = f"; usual is {usual.high:.3f} at most" if usual else ""
    validation, train = run.last(f"val_{run.score}", 1), run.last(run.score)
    return f"Validation is {validation:.3f} after epoch {epochs - 1}, training {train:.3f} in the next: {lead:.3f} below{told}."


@check(
    "accuracy",
    "losses",
    "classes",
    means="The loss is not the cross-entropy of these probabilities: another loss, or a wrong `from_logits`.",
    advice="Use categorical or sparse categorical cross-entropy; from_logits=True only if the last layer has no softmax.",
)
def wrong_loss(run: RecordedRun) -> str | None:
    validation, loss = run.last(f"val_{run.score}"), run.last("val_loss")
    lowest = (1 - validation) * np.log(2)  # the right class of a wrong answer has a probability below 1/2
    if loss < 0.95 * lowest:
        return f"val_loss is {loss:.3f}; with a validation accuracy of {validation:.3f} cross-entropy is {lowest:.3f} or more."
    classes, is_smoothed = (
        len(run.class_shares),
        run.settings.get("label_smoothing") or (run.config.get("arguments") or {}).get("r_drop"),
    )
    twice = np.log1p((classes - 1) / np.e)  # of a softmax of probabilities, even if each answer is right
    train, loss = run.last(run.score), run.last("loss")
    if classes > 2 and not is_smoothed and train > LEARNT and loss > 0.95 * twice:
        return f"The training loss is {loss:.3f} at an accuracy of {train:.3f}: that of a softmax of a softmax ({twice:.3f})."
    return None
