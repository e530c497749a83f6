"""Withdrawals: removal of images, entities, claims and licenses from a workspace."""
