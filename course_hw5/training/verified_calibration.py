"""Whether the calibration of a run that was handed in follows from its model and its validation data."""

import math

import keras

from course_hw5.reports.labelled_batches import LabelledData
from course_hw5.reports.submitted_run import DIFFERS, FOLLOWS, SubmittedRun, Verdict
from course_hw5.training import calibration


def check_error(run: SubmittedRun, found: dict, allowed: float) -> Verdict:
    """Whether metrics.json has the expected calibration error of the predictions.

    Args:
        run: of `read_run`.
        found: metrics of the model, computed again.
        allowed: difference that rounding may make.
    """
    given, expected = (metrics.get("expected_calibration_error", math.nan) for metrics in (run.metrics, found))
    is_near = isinstance(given, (int, float)) and abs(given - expected) <= allowed
    detail = f"{expected:.6g}, give or take {allowed:.2g}. Received: {given!r:.60}"
    return Verdict("metrics.json, calibration", FOLLOWS if is_near else DIFFERS, detail if is_near else f"must be {detail}")


def check_temperature(run: SubmittedRun, loaded: keras.Model, validation: LabelledData, rtol: float) -> Verdict:
    """Whether the validation set decides the temperature, by which `loaded` is no longer scaled afterwards.

    Args:
        run: of `read_run`.
        loaded: the model in the run's `model.keras`.
        validation: batches `(inputs, labels)`.
        rtol: share of the temperature that rounding may make.
    """
    part, record = "model.keras, temperature", run.config.get("calibration")
    given = record.get("temperature") if isinstance(record, dict) else None
    other = run.metrics.get("temperature")
    if not isinstance(given, (int, float)) or not calibration.LOWEST <= given <= calibration.HIGHEST or given != other:
        received = f"Received: {given!r:.60} and {other!r:.60}"
        return Verdict(part, DIFFERS, f"config.json and metrics.json must hold one temperature in [0.05, 20]. {received}")
    calibration.scale_logits(loaded, 1 / given)
    found = calibration.fit_temperature(loaded, validation)
    is_right = abs(given - found) <= rtol * found
    detail = f"{found:.6g}, by the validation set. Received: {given:.6g}"
    return Verdict(part, FOLLOWS if is_right else DIFFERS, detail if is_right else f"must be {detail}")
