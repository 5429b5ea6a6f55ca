"""Shrinkage of effects: penalties, Bayesian priors, fine-mapping, and the ceiling of them all."""

from gitools.shrinkage._checks import check_summary_statistics, nearest_correlation
from gitools.shrinkage._credible_sets import CredibleSet
from gitools.shrinkage.effect_mixture import EffectMixtureFit, effect_mixture
from gitools.shrinkage.ld_diagnostics import KrigingResult, estimate_s_rss, kriging_rss
from gitools.shrinkage.neural import NeuralShrinkage, ShrunkenEffects
from gitools.shrinkage.oracle import (
    OraclePosterior,
    oracle_pip,
    oracle_posterior,
    oracle_posterior_mean,
)
from gitools.shrinkage.penalised import (
    PseudoValidation,
    elastic_net_objective,
    elastic_net_rss,
    elastic_net_rss_path,
    fold_summary_statistics,
    pseudo_validate,
    ridge_rss,
    split_summary_statistics,
)
from gitools.shrinkage.spike_and_slab import SpikeAndSlabFit, spike_and_slab_rss
from gitools.shrinkage.susie import SusieFit, susie, susie_rss

__all__ = [
    "CredibleSet",
    "EffectMixtureFit",
    "KrigingResult",
    "NeuralShrinkage",
    "OraclePosterior",
    "PseudoValidation",
    "ShrunkenEffects",
    "SpikeAndSlabFit",
    "SusieFit",
    "check_summary_statistics",
    "effect_mixture",
    "elastic_net_objective",
    "elastic_net_rss",
    "elastic_net_rss_path",
    "estimate_s_rss",
    "fold_summary_statistics",
    "kriging_rss",
    "nearest_correlation",
    "oracle_pip",
    "oracle_posterior",
    "oracle_posterior_mean",
    "pseudo_validate",
    "ridge_rss",
    "spike_and_slab_rss",
    "split_summary_statistics",
    "susie",
    "susie_rss",
]
