"""Figures of the chapters: each function draws given arrays, none computes a result."""
