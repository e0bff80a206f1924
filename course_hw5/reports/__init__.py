"""What a finished run is reported as: sentences and pages."""
