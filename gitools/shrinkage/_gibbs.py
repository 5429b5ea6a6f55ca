r"""Chains over sets of causal variants, shared by the ceiling and by the learnt spike and slab.

With :math:`\tau = n / \sigma^2` and the ridge :math:`d_j = 1 / (\tau v_j)`, the effects of a
set :math:`\gamma` of causal variants have the posterior precision
:math:`\tau (R_{\gamma\gamma} + \operatorname{diag}(d_\gamma))` and the mean
:math:`(R_{\gamma\gamma} + \operatorname{diag}(d_\gamma))^{-1} \hat\beta_\gamma`: all that has to
be kept up to date is linear algebra on R, which no change of :math:`\sigma^2` or of the prior
touches but through the ridge.

The chain is the weighted tempered Gibbs sampler, read as a process in continuous time: variant j
is flipped at the rate :math:`\eta_j / p(\gamma_j \mid \gamma_{-j}, \hat\beta)`, where
:math:`\eta_j = p(\gamma_j = 1 \mid \gamma_{-j}, \hat\beta) + \kappa / p`. That leaves the posterior
as it is for any :math:`\eta_j` that does not depend on :math:`\gamma_j`. Removing an improbable
label costs next to no time, so a flip out and a flip in is a swap between two variants in LD.
States are weighted by the mean time spent in them, the inverse of the total rate. A redraw of
the prior's parameters from their distribution given the set leaves the posterior as it is too,
at any rate that depends on the set alone; it is one more event of the same process.

p is the number of variants, n of people, k the size of a set; effects are in standard deviations
of the trait per standard deviation of the dosage.

References
----------
Zanella, G. and Roberts, G. (2019). Scalable importance tempering and Bayesian variable selection.
Journal of the Royal Statistical Society B 81, 489-517.

Gelman, A. and Rubin, D. B. (1992). Inference from iterative simulation using multiple sequences.
Statistical Science 7, 457-472.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

BATCHES = 20
# Every variant gets this share of a flip rate spread over all, likely or not (Zanella and
# Roberts's kappa).
EXPLORATION = 5.0
# Rank-one updates of the inverse lose digits slowly; it is built anew after so many flips.
_FLIPS_BETWEEN_REBUILDS = 200


@dataclass(frozen=True)
class Model:
    """Likelihood and prior.

    Attributes
    ----------
    R : array of shape (p, p)
        LD correlations.
    beta : array of shape (p,)
        Marginal effects.
    evidence : float
        n / sigma^2.
    prior_logit, slab : arrays of shape (p,)
        Prior log odds of being causal, and variances of the effects that are not zero.
    """

    R: np.ndarray
    beta: np.ndarray
    evidence: float
    prior_logit: np.ndarray
    slab: np.ndarray

    @property
    def ridge(self):
        """What the prior adds to the diagonal of R, of shape (p,)."""
        return 1 / (self.evidence * self.slab)


@dataclass
class Totals:
    """Weighted sums over the states of a chain, in batches of equally many states.

    Attributes
    ----------
    weights : array of shape (BATCHES,)
    labels, effects, squares : arrays of shape (BATCHES, p)
        Sums of conditional inclusion probabilities, mean effects and mean squared effects.
    prior : array of shape (BATCHES, q)
        Sums of what the redraw records of the prior; q = 0 where the prior is fixed.
    """

    weights: np.ndarray
    labels: np.ndarray
    effects: np.ndarray
    squares: np.ndarray
    prior: np.ndarray

    @classmethod
    def zeros(cls, p, q):
        """Nothing summed yet."""
        return cls(np.zeros(BATCHES), *(np.zeros((BATCHES, width)) for width in (p, p, p, q)))


class Chain:
    """A set of causal variants, and for every variant what adding or removing it would do.

    ``inside`` lists the set in the order of entry; ``inverse`` is (R_SS + D)^-1 of shape (k, k),
    ``cross`` that times the set's rows of R, ``explained`` the diagonal of
    R_S' (R_SS + D)^-1 R_S, and ``fitted`` R times the posterior mean.

    Parameters
    ----------
    model : Model
    inside : sequence of int
        The set to begin with.
    rng : numpy Generator
    redraw : object or None
        Redraws the prior: ``rate(k)`` gives its rate for a set of size k, ``draw(chain)`` a
        Model, and ``record()`` what is to be averaged, of shape (q,).
    """

    def __init__(self, model, inside, rng, redraw=None):
        self.rng, self.redraw = rng, redraw
        self.inside = list(inside)
        self.flips = 0
        self.use(model)

    def use(self, model):
        """Take a likelihood and prior, and build everything anew for the present set."""
        self.model, S = model, self.inside
        self.ridge = model.ridge
        rows = model.R[S]
        A = rows[:, S] + np.diag(self.ridge[S])
        self.inverse = np.linalg.inv(A) if S else np.zeros((0, 0))
        self.inverse = (self.inverse + self.inverse.T) / 2
        self.cross = self.inverse @ rows
        self.explained = np.einsum("kp,kp->p", rows, self.cross)
        self.mean = self.inverse @ model.beta[S]
        self.fitted = self.mean @ rows

    def conditionals(self):
        """For each variant, given the others: log odds, and effect and variance if it is in."""
        model, S = self.model, self.inside
        scaled = 1 / (1 + self.ridge - self.explained)
        effect = (model.beta - self.fitted) * scaled
        scaled[S], effect[S] = self.inverse.diagonal(), self.mean
        variance = scaled / model.evidence
        odds = model.prior_logit + 0.5 * np.log(variance / model.slab)
        return odds + 0.5 * effect**2 / variance, effect, variance

    def flip(self, j):
        """Put a variant into the set, or take it out."""
        self.flips += 1
        (self._remove if j in self.inside else self._add)(j)
        if self.flips % _FLIPS_BETWEEN_REBUILDS == 0:
            self.use(self.model)

    def _add(self, j):
        column, row = self.cross[:, j], self.model.R[j]
        schur = 1 + self.ridge[j] - self.explained[j]
        effect = (self.model.beta[j] - self.fitted[j]) / schur
        # Correlation between each variant and j, less what the set explains of it.
        rest = row - column @ self.model.R[self.inside]
        new = rest / schur
        grown = np.empty((len(column) + 1, len(column) + 1))
        grown[:-1, :-1] = self.inverse + np.outer(column, column) / schur
        grown[-1, :-1] = grown[:-1, -1] = -column / schur
        grown[-1, -1] = 1 / schur
        self.inverse = grown
        self.cross = np.vstack([self.cross - np.outer(column, new), new])
        self.mean = np.append(self.mean - effect * column, effect)
        self.explained = self.explained + rest * new
        self.fitted = self.fitted + effect * rest
        self.inside.append(j)

    def _remove(self, j):
        k = self.inside.index(j)
        keep = np.delete(np.arange(len(self.inside)), k)
        pivot, link = self.inverse[k, k], self.inverse[keep, k]
        row, effect = self.cross[k], self.mean[k]
        self.inverse = self.inverse[np.ix_(keep, keep)] - np.outer(link, link) / pivot
        self.cross = self.cross[keep] - np.outer(link / pivot, row)
        self.mean = self.mean[keep] - effect * link / pivot
        self.explained = self.explained - row**2 / pivot
        self.fitted = self.fitted - effect / pivot * row
        del self.inside[k]

    def run(self, n_draws):
        """Visit states, and sum what each says.

        Parameters
        ----------
        n_draws : int
            Number of states.

        Returns
        -------
        Totals
        """
        record = self.redraw.record if self.redraw else tuple
        totals = Totals.zeros(len(self.model.beta), len(record()))
        for draw in range(n_draws):
            log_odds, effect, variance = self.conditionals()
            probability = expit(log_odds)
            cumulated, log_scale = self._flip_rates(log_odds)
            unit = np.exp(-log_scale)
            total = cumulated[-1]
            if self.redraw:
                total += unit * self.redraw.rate(len(self.inside))
            weight, batch = unit / total, draw * BATCHES // n_draws
            included = weight * probability
            totals.weights[batch] += weight
            totals.labels[batch] += included
            totals.effects[batch] += included * effect
            totals.squares[batch] += included * (effect**2 + variance)
            totals.prior[batch] += weight * np.asarray(record(), dtype=float)
            at = self.rng.random() * total
            if at < cumulated[-1]:
                self.flip(int(np.searchsorted(cumulated, at, side="right")))
            else:
                self.use(self.redraw.draw(self))
        return totals

    def _flip_rates(self, log_odds):
        """Cumulated rates of flipping, over the exponential of a scale that is returned too."""
        # 1 / p(present label | others) = 1 + exp(surprise); times p(in | others) + kappa / p.
        share, S = EXPLORATION / len(log_odds), self.inside
        surprise = log_odds.copy()
        surprise[S] *= -1
        scale = max(surprise.max(), 0.0)
        surprising, usual = np.exp(surprise - scale), np.exp(-scale)
        rate = (1 + share) * surprising + share * usual
        rate[S] = (1 + share) * usual + share * surprising[S]
        return np.cumsum(rate), scale


def ratio_of_means(weights, sums):
    """Ratio of means with its batch-means standard error and R-hat.

    Parameters
    ----------
    weights : array of shape (n_runs, n_chains, n_batches)
    sums : array of shape (n_runs, n_chains, n_batches, m)

    Returns
    -------
    ratio, error, r_hat : arrays of shape (m,)
        R-hat is the potential scale reduction between chains, on the batches.
    """
    total = weights.sum()
    ratio = sums.sum(axis=(0, 1, 2)) / total
    # The linearised contribution of each batch: batches of a later, longer run weigh more.
    parts = (sums - weights[..., None] * ratio) / total
    per_chain = np.moveaxis(parts, 1, 0).reshape(parts.shape[1], -1, parts.shape[-1])
    n_chains, n_batches = per_chain.shape[:2]
    within = n_batches * per_chain.var(axis=1, ddof=1)
    chain_sums = per_chain.sum(axis=1)
    between = chain_sums.var(axis=0, ddof=1)
    # Chains that disagree show in the sum over chains only: the larger estimate counts.
    usual = within.mean(axis=0)
    error = np.sqrt(n_chains * np.maximum(usual, between))
    reduction = np.sqrt(1 + np.maximum(between - usual, 0) / np.maximum(n_batches * usual, 1e-300))
    return ratio, error, reduction
