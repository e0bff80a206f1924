"""What a run is reported as: the run folder, callbacks, figures, sentences and pages."""
