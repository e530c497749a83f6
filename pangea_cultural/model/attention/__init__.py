"""Attention of packed rows: masks, groups one by one, and rows that several processes divide."""
