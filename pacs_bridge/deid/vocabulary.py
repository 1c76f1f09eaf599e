"""Ordinary words of mammography: a person or place that has one as its name leaks nothing by it.

Kept codes and terms are made of these; without the list a reader called Gray or a unit
called "Breast Screening" would make every image look as if it named them.
"""

from __future__ import annotations

_WORDS = """
    breast breasts mammography mammogram mammographic mammo screening tomosynthesis digital view
    views right left both cranio caudal cranio-caudal craniocaudal medio lateral medial oblique
    medio-lateral latero latero-medial exaggerated axillary tail cleavage spot compression
    magnification magnified implant displaced rolled superior inferior tangential nipple profile
    tissue specimen full fidelity image images original derived primary secondary volume none
    normal harder softer hard soft standard default linear sigmoid identity inverse
    presentation processing grey gray white black window level
    rectangle rectangular circular round strip grid focused reciprocating
    molybdenum rhodium tungsten aluminum aluminium silver copper
    direct scintillator area slot automatic manual test patient unknown anonymous
    anonymized anonymised anon removed research product service
"""

ORDINARY_WORDS = frozenset(_WORDS.split())
"""Small letters, as the leak scan folds them."""
