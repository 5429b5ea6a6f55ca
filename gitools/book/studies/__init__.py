"""Replicate studies of the chapters: loops over simulated data sets, no methods of their own."""
