"""Addresses of the network: rules for them, and name resolution that keeps to the rules."""
