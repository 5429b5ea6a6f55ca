"""Helper package of the book *From Genotype to Trait*."""
