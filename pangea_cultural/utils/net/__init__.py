"""Addresses of the network, with rules for them and name resolution that keeps to the rules; bodies of responses."""
