"""Measurements: every figure beside a reference that is taken in the same run, on the same machine."""
