"""Measurements of the whole road, in one run, against the budgets of the project."""
