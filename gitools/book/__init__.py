"""The frame of the book: glued results, claims, answer checks, figure style. No method code."""

from gitools.book.answers import check_answer
from gitools.book.claims import claim
from gitools.book.glue import glue
from gitools.book.style import COLORS, set_style

__all__ = ["COLORS", "check_answer", "claim", "glue", "set_style"]
