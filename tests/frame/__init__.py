"""Checks of the book's frame: each takes a page and its book and returns problems in words."""
