"""Figures of the product, each against a peer in the same run.

A ratio above 1 always means that ours is better, whether the unit counts work or cost. Rounds
are interleaved and figures are medians, because a machine is never quiet; no test asserts one.
docs/performance.md says what is measured and how.
"""
