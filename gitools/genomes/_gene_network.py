"""The shared network G on many gene vectors, forward and backward in pieces that fit the cache.

PyTorch runs each operation over all vectors before the next, and keeps every intermediate result;
for a network this narrow it then waits for memory. Here a piece of the vectors goes through the
whole network at once, and the gradients are written out, so that all but two of the steps of the
backward pass are products of matrices.
"""

import torch
from torch.autograd.function import once_differentiable

# Vectors at once: 4,096 x 50 numbers of 4 bytes stay in the second-level cache.
_PIECE = 4096


def scores_of_vectors(network, vectors):
    """Score of each vector, with gradients.

    Parameters
    ----------
    network : torch Sequential of Linear(types, hidden), LayerNorm, Tanh, Linear(hidden, 1)
    vectors : float tensor of shape (m, types)

    Returns
    -------
    tensor of shape (m,)
    """
    first, norm, _, last = network
    weights = [values for layer in (first, norm, last) for values in (layer.weight, layer.bias)]
    return scores_from_weights(vectors, weights, norm.eps)


def scores_from_weights(vectors, weights, eps):
    """The same from the weight and bias of each of the three layers, in their order."""
    return _Scores.apply(vectors, *weights, eps)


class _Scores(torch.autograd.Function):
    r"""With h = W v + b, n = (h - mean h) / sd h, s = sigmoid(2 (gamma n + beta)):

    score = w . tanh(gamma n + beta) + c = 2 w . s + c - sum w.
    """

    @staticmethod
    def forward(ctx, vectors, weight, bias, scale, shift, readout, constant, eps):
        # The mean over hidden units is linear in v, so it can be taken off the weights.
        weight, bias = weight - weight.mean(0), bias - bias.mean()
        hidden, readout = len(bias), readout[0]
        normed = vectors.new_empty((len(vectors), hidden))
        sigmoid = torch.empty_like(normed)
        inverse_sd = vectors.new_empty((len(vectors), 1))
        scores = vectors.new_empty(len(vectors))
        for rows in _pieces(vectors):
            h = torch.addmm(bias, vectors[rows], weight.T, out=normed[rows])
            mean_square = torch.linalg.vector_norm(h, dim=1, keepdim=True).square_().div_(hidden)
            h.mul_(torch.rsqrt(mean_square + eps, out=inverse_sd[rows]))
            # The sigmoid takes a third of the time of the hyperbolic tangent, which it gives.
            s = torch.addcmul(2 * shift, h, 2 * scale, out=sigmoid[rows]).sigmoid_()
            torch.mv(s, 2 * readout, out=scores[rows])
        ctx.save_for_backward(vectors, weight, scale, readout, normed, sigmoid, inverse_sd)
        return scores.add_(constant - readout.sum())

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        vectors, weight, scale, readout, normed, sigmoid, inverse_sd = ctx.saved_tensors
        hidden, types = len(scale), vectors.shape[1]
        # Gradient of the score with respect to gamma n: this times s (1 - s).
        slope = 4 * readout * scale
        by_vector = vectors.new_zeros((hidden, types + 2))
        by_normed = vectors.new_zeros((hidden, types + 1))
        by_mean = vectors.new_zeros(types + 1)
        by_scale, by_sigmoid = torch.zeros_like(scale), torch.zeros_like(scale)
        to_vectors = torch.empty_like(vectors) if ctx.needs_input_grad[0] else None
        for rows in _pieces(vectors):
            s, n, g = sigmoid[rows], normed[rows], gradient[rows, None]
            g_over_sd = g * inverse_sd[rows]
            scaled = torch.cat([vectors[rows] * g_over_sd, g_over_sd], dim=1)
            steepness = torch.addcmul(s, s, s, value=-1)
            along = steepness * n
            mean, mean_along = steepness @ slope / hidden, along @ slope / hidden
            by_vector += steepness.T @ torch.cat([scaled, g], dim=1)
            by_normed += n.T @ (scaled * mean_along[:, None])
            by_mean += mean @ scaled
            by_scale += along.T @ g[:, 0]
            by_sigmoid += s.T @ g[:, 0]
            if to_vectors is not None:
                h = steepness * slope - mean[:, None] - n * mean_along[:, None]
                torch.mm(h * g_over_sd, weight, out=to_vectors[rows])
        total = gradient.sum()
        to_first = slope[:, None] * by_vector[:, :-1] - by_normed - by_mean
        return (
            to_vectors,
            to_first[:, :types],
            to_first[:, types],
            4 * readout * by_scale,
            4 * readout * by_vector[:, -1],
            (2 * by_sigmoid - total)[None],
            total[None],
            None,
        )


def scores_of_stack(vectors, weights, eps):
    """Scores of several such networks, each with vectors of its own, with gradients of weights.

    Parameters
    ----------
    vectors : float tensor of shape (k, m, types)
    weights : sequence of tensors
        The weight and bias of each of the three layers, in their order, each [k, ...].
    eps : float
        Of the normalisation.

    Returns
    -------
    tensor of shape (k, m)
    """
    return _StackedScores.apply(vectors, *weights, eps)


class _StackedScores(torch.autograd.Function):
    """The formulas of `_Scores` with a leading axis, in one piece: stacked batches are small."""

    @staticmethod
    def forward(ctx, vectors, weight, bias, scale, shift, readout, constant, eps):
        weight = weight - weight.mean(1, keepdim=True)
        bias = bias - bias.mean(1, keepdim=True)
        normed = torch.baddbmm(bias[:, None], vectors, weight.mT)
        square = torch.linalg.vector_norm(normed, dim=2, keepdim=True).square_()
        inverse_sd = square.div_(bias.shape[1]).add_(eps).rsqrt_()
        normed.mul_(inverse_sd)
        sigmoid = torch.addcmul(2 * shift[:, None], normed, 2 * scale[:, None]).sigmoid_()
        ctx.save_for_backward(vectors, scale, readout, normed, sigmoid, inverse_sd)
        return torch.bmm(sigmoid, 2 * readout.mT)[..., 0] + constant - readout.sum(2)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        vectors, scale, readout, n, s, inverse_sd = ctx.saved_tensors
        readout, types = readout[:, 0], vectors.shape[2]
        slope = (4 * readout * scale)[..., None]
        g = gradient[..., None]
        g_over_sd = g * inverse_sd
        scaled = torch.cat([vectors * g_over_sd, g_over_sd], dim=2)
        steepness = torch.addcmul(s, s, s, value=-1)
        along = steepness * n
        mean, mean_along = (torch.bmm(a, slope) / scale.shape[1] for a in (steepness, along))
        by_vector = torch.bmm(steepness.mT, torch.cat([scaled, g], dim=2))
        to_first = slope * by_vector[..., :-1] - torch.bmm(n.mT, scaled * mean_along)
        to_first = to_first - torch.bmm(mean.mT, scaled)
        total = gradient.sum(1, keepdim=True)
        return (
            None,
            to_first[..., :types],
            to_first[..., types],
            4 * readout * torch.bmm(along.mT, g)[..., 0],
            4 * readout * by_vector[..., -1],
            (2 * torch.bmm(s.mT, g)[..., 0] - total)[:, None],
            total,
            None,
        )


def _pieces(vectors):
    size = _PIECE if vectors.device.type == "cpu" else max(len(vectors), 1)
    return [slice(start, start + size) for start in range(0, len(vectors), size)]
