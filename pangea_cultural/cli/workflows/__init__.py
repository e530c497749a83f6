"""Workflows that run `pcult` commands one after another."""
