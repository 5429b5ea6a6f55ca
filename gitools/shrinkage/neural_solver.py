r"""The network of `NeuralShrinkage`: a fine-mapping solver, unrolled, its guessed parts learnt.

Data are :math:`z \sim N(R u, \sigma^2 R)` with :math:`u_j = b_j / se_j`. The estimate is a sum of
layers. Each sparse layer holds *one effect in every LD neighbourhood*: with :math:`r` what the
other layers leave of z, its inclusion weights are

.. math:: \alpha_j = \frac{e^{s_j}}{1 + \sum_k R_{jk}^2 e^{s_k}}, \qquad
          s_j = \log \frac{\pi}{1 - \pi} + \log BF(r_j) + f(\cdot),

and its effects :math:`\alpha_j \frac{V}{V + \sigma^2} r_j`, times a learnt factor. Where LD is
all or nothing this is the single-effect regression of SuSiE in every neighbourhood at once; the
sum over neighbours replaces the sum over the block. One dense layer holds the effects too small to
see, and moves towards :math:`V_0 (z - R m)`. Layers are visited in turn, several rounds.
:math:`\pi, V, V_0, \sigma^2` come from a small network that sees summaries of the block, f from
another that sees one variant.

Both see even functions of z only, and LD enters through R m and R squared: recoding an allele
turns the sign of z, of a row and column of R and of the answer, and changes nothing else.

The lines run under NumPy for prediction and under PyTorch for training: ``xp`` is the module.
"""

import numpy as np

N_ROUNDS = 4
N_LAYERS = 4
N_HIDDEN = 16
N_BLOCK_FEATURES = 10
N_VARIANT_FEATURES = 8
_RIDGE_STEPS = 2
# Of the block network's outputs: small weights are to have effects of the order of one.
_GAIN = 3.0
# Weak correlations do not make neighbours: a strong signal would silence all others of its block.
_FAR, _NEAR = 0.02, 0.1
# Weights below this take part in no competition, so that few variants need be looked at.
_IDLE = 0.05
# Exponentials of scores are summed in bands of this width: no sum leaves the range of a double.
_BAND = 600.0
# Scores above the knee (z beyond 100) rise like a logarithm, which bounds the number of bands.
_KNEE = 6000.0
_TINY, _LOWEST = 1e-290, 1e6


def initial_parameters(rng, n_rounds=N_ROUNDS, n_layers=N_LAYERS):
    """Parameters for which the solver is the analytic one: the networks' outputs are nearly 0.

    Parameters
    ----------
    rng : numpy Generator
    n_rounds, n_layers : int

    Returns
    -------
    dict of float arrays
    """
    h, b, v = N_HIDDEN, N_BLOCK_FEATURES, N_VARIANT_FEATURES
    return {
        "block_in": rng.normal(0, 1 / np.sqrt(b), (b, h)),
        "block_bias": np.zeros((n_rounds, h)),
        "block_out": rng.normal(0, 0.02, (h, 4)),
        "block_last": np.zeros(4),
        "variant_in": rng.normal(0, 1 / np.sqrt(v), (v, h)),
        "variant_bias": np.zeros((n_rounds, n_layers, h)),
        "variant_out": rng.normal(0, 0.02, (h, 2)),
        "ridge_step": np.zeros(n_rounds),
        "final_in": rng.normal(0, 1 / np.sqrt(v), (v, h)),
        "final_bias": np.zeros(h),
        "final_out": rng.normal(0, 0.02, (h, 2)),
        "final_last": np.zeros(2),
    }


class Ld:
    """What the solver needs of an LD matrix: three products and two row sums.

    Attributes
    ----------
    product : callable
        R times [p, B].
    nearby, competing : callable
        The same with R o W and with R o R o W, W = `nearness` of R: LD within neighbourhoods.
        The arrays they get hold few rows that are not zero.
    scores, absolute : arrays of shape (p, 1)
        Sums of squared and of absolute correlations, the variant's own included.
    """

    def __init__(self, product, nearby, competing, scores, absolute):
        self.product, self.nearby, self.competing = product, nearby, competing
        self.scores, self.absolute = scores, absolute


def nearness(R, xp=np):
    """Whether two variants are neighbours: 0 for R squared below 0.02, 1 above 0.1."""
    return xp.clip((R * R - _FAR) / (_NEAR - _FAR), 0.0, 1.0)


def solve(theta, z, ld, xp=np, *, every_round=False, freeze=None):
    """Run the unrolled solver.

    Parameters
    ----------
    theta : dict of arrays
        See `initial_parameters`.
    z : array of shape (p, B)
        z scores of B data sets on one block.
    ld : Ld
    xp : module
        numpy or torch.
    every_round : bool
        Whether to return the mean after every round too.
    freeze : callable, optional
        Applied to the state between rounds, and to what the heads of variance and inclusion see.
        With torch's ``detach`` each round learns from its own answer, and the heads do not move
        the mean.

    Returns
    -------
    mean, log_variance, pip_logit : arrays of shape (p, B)
        Of u = effect / standard error.
    means : list of arrays of shape (p, B)
        Only with ``every_round``.
    """
    n_rounds, n_layers = theta["variant_bias"].shape[:2]
    state = _State(z, ld, n_layers, xp)
    fixed = _block_features(z, ld, xp)
    energy = _energy(z, ld, xp)
    means = []
    for t in range(n_rounds):
        if freeze is not None:
            state.freeze(freeze)
        prior = _Prior(theta, t, fixed, energy, state, len(z), xp)
        for layer in range(n_layers):
            _single_effects(state, theta, t, layer, prior, z, ld, xp)
        # Last: what can be seen is not to be spread thin.
        _ridge(state, theta, t, prior, ld, xp)
        means.append(state.mean())
    log_variance, pip_logit = _uncertainty(state, theta, prior, z, ld, xp, freeze)
    answer = (means[-1], log_variance, pip_logit)
    return (*answer, means) if every_round else answer


class _State:
    """Effects by layer, their products with R, and the residual z - R m."""

    def __init__(self, z, ld, n_layers, xp):
        zero = xp.zeros_like(z)
        self.dense, self.residual = zero, z
        self.effects, self.active = [zero] * n_layers, [zero] * n_layers
        self.alphas, self.slopes = [zero] * n_layers, [zero] * n_layers
        self.ld = ld

    def freeze(self, freeze):
        """Stop gradients here: through several rounds they are mostly noise."""
        self.dense, self.residual = freeze(self.dense), freeze(self.residual)
        for items in (self.effects, self.active, self.alphas, self.slopes):
            items[:] = [freeze(item) for item in items]

    def mean(self):
        return sum(self.effects) + self.dense

    def outside(self):
        """Probability that a variant is in no layer."""
        product = 1.0
        for alpha in self.alphas:
            product = product * (1 - alpha)
        return product


class _Prior:
    """What the block network says: log odds of an effect, slab, dense variance, noise; all [B]."""

    def __init__(self, theta, t, fixed, energy, state, p, xp):
        features = xp.stack([*fixed, *_changing_features(state, energy, p, xp)], 1)
        hidden = xp.tanh(features @ theta["block_in"] + theta["block_bias"][t])
        out = hidden @ theta["block_out"] + theta["block_last"]
        out = xp.clip(_GAIN * out, -60.0, 6.0)
        self.logit = out[:, 0] - 4.0
        self.log_slab = out[:, 1] + xp.log(energy / (0.02 * p) + 1.0)
        self.log_dense = out[:, 2] + xp.log(0.01 * energy / p)
        self.log_noise = -xp.log1p(xp.exp(-3.0 - out[:, 3]))
        self.slab, self.dense = xp.exp(self.log_slab), xp.exp(self.log_dense)
        self.noise = xp.exp(self.log_noise)


def _energy(z, ld, xp):
    """Rough sum of squared effects: excess of z'z over the mean LD score, at least 1."""
    return xp.clip((z * z - 1).sum(0) / ld.scores.mean(), 1.0, None)


def _block_features(z, ld, xp):
    square = z * z
    ones = xp.ones_like(square[0])
    mean, fourth = square.mean(0), (square * square).mean(0)
    weight = 1 / ld.scores
    thinned = (square * weight).mean(0) / weight.mean()
    return [
        ones * (np.log(len(z)) - 6.0) / 1.5,
        ones * (xp.log(ld.scores.mean()) - 2.0),
        xp.log(thinned + 0.1) / 2,
        xp.log(mean + 0.1) / 2,
        xp.log((fourth + 3) / (mean + 1) ** 2 / 3) / 2,
        xp.log(xp.amax(square, 0) + 1) / 4 - 1,
    ]


def _changing_features(state, energy, p, xp):
    included = (1 - state.outside()).sum(0)
    mean = state.mean()
    explained = (mean * mean).sum(0)
    weight = 1 / state.ld.scores
    left = (state.residual * state.residual * weight).mean(0) / weight.mean()
    return [
        xp.log((included + 0.1) / p) / 3 + 1,
        xp.log(explained + 1) / 4 - 1,
        xp.log(left + 0.1) / 2,
        xp.log((explained + 1) / (included + 0.3)) / 3 - 1,
    ]


def _ridge(state, theta, t, prior, ld, xp):
    """Steps of the dense layer towards V0 (z - R m), short enough to be stable under LD."""
    step = 1 / (1 + xp.exp(-2 - theta["ridge_step"][t])) / (1 + prior.dense * ld.absolute)
    for _ in range(_RIDGE_STEPS):
        change = step * (prior.dense * state.residual - state.dense)
        state.dense = state.dense + change
        state.residual = state.residual - ld.product(change)


def _single_effects(state, theta, t, layer, prior, z, ld, xp):
    """Update one layer: one effect in each neighbourhood, given the other layers."""
    left = state.residual + ld.nearby(state.active[layer])
    others = state.mean() - state.effects[layer]
    ratio = prior.slab / prior.noise
    shrink = ratio / (1 + ratio)
    score = 0.5 * left * left / prior.noise * shrink - 0.5 * xp.log1p(ratio) + prior.logit
    features = [
        xp.log1p(left * left) / 3,
        xp.tanh(score / 10),
        xp.log1p(others * others) / 3,
        xp.log1p((z - left) ** 2) / 3,
        state.alphas[layer],
        xp.log(ld.scores) / 2 - 1 + xp.zeros_like(z),
        prior.log_slab / 3 - 1 + xp.zeros_like(z),
        prior.logit / 4 + 1 + xp.zeros_like(z),
    ]
    hidden = xp.tanh(xp.stack(features, -1) @ theta["variant_in"] + theta["variant_bias"][t, layer])
    out = hidden @ theta["variant_out"]
    score = _compress(score + 3 * xp.tanh(out[..., 0]), xp)
    alone = xp.log1p(xp.exp(xp.clip(score, None, np.log(_IDLE))))
    alpha = xp.exp(score - xp.logaddexp(alone, _log_neighbours(score, ld, xp)))
    slope = shrink * xp.exp(0.2 * xp.tanh(out[..., 1]))
    effects = alpha * slope * left
    state.residual = state.residual - ld.product(effects - state.effects[layer])
    state.effects = _replaced(state.effects, layer, effects)
    counted = xp.clip(1 - _IDLE * xp.exp(-xp.clip(score, -_BAND, None)), 0.0, None)
    state.active = _replaced(state.active, layer, counted * effects)
    state.alphas = _replaced(state.alphas, layer, alpha)
    state.slopes = _replaced(state.slopes, layer, slope * left)


def _replaced(items, place, item):
    return [*items[:place], item, *items[place + 1 :]]


def _compress(score, xp):
    above = xp.clip(score - _KNEE, 0.0, None)
    return xp.clip(score, None, _KNEE) + _BAND * xp.log1p(above / _BAND)


def _log_neighbours(score, ld, xp):
    """Logarithm of the sum over k of R_jk^2 W_jk max(exp(s_k) - idle, 0), j itself included."""
    total = None
    for band in range(int(max(score.max().item(), 0.0) // _BAND) + 1):
        low = band * _BAND
        inside = (score < low + _BAND) if band == 0 else (score >= low) & (score < low + _BAND)
        # The score of a variant outside is clipped first: an infinity times zero is no number.
        weight = inside * xp.exp(xp.clip(score - low, None, _BAND))
        if band == 0:
            weight = xp.clip(weight - _IDLE, 0.0, None)
        rivals = ld.competing(weight)
        part = xp.where(rivals > 0, xp.log(rivals + _TINY) + low, -_LOWEST)
        total = part if total is None else xp.logaddexp(total, part)
    return total


def _uncertainty(state, theta, prior, z, ld, xp, freeze):
    """Posterior variance and inclusion probability: the layers' own, corrected by a network."""
    variance = prior.dense / (1 + prior.dense)
    slab_variance = prior.slab * prior.noise / (prior.slab + prior.noise)
    for alpha, slope in zip(state.alphas, state.slopes, strict=True):
        variance = variance + alpha * (slab_variance + (1 - alpha) * slope * slope)
    log_variance = xp.log(variance + 1e-6)
    outside = xp.clip(state.outside(), 1e-6, 1.0)
    pip_logit = xp.log(1 - outside + 1e-9) - xp.log(outside)
    seen = (log_variance, pip_logit, state.mean(), state.residual, prior.log_slab, prior.logit)
    if freeze is not None:
        seen = [freeze(array) for array in seen]
    log_variance, pip_logit, mean, residual, log_slab, logit = seen
    features = [
        log_variance / 5 + 1,
        pip_logit / 5 + 1,
        xp.log1p(mean * mean) / 3,
        xp.log1p(z * z) / 3,
        xp.log1p(residual * residual) / 3,
        xp.log(ld.scores) / 2 - 1 + xp.zeros_like(z),
        log_slab / 3 - 1 + xp.zeros_like(z),
        logit / 4 + 1 + xp.zeros_like(z),
    ]
    hidden = xp.tanh(xp.stack(features, -1) @ theta["final_in"] + theta["final_bias"])
    out = hidden @ theta["final_out"] + theta["final_last"]
    return log_variance + 4 * out[..., 0], pip_logit + 4 * out[..., 1]
