"""Sums and best paths over the hidden states of Markov chains, without a loop over positions.

A chain of T positions costs T steps that wait for each other. Cut into blocks, it doesn't: the
product of a block's step matrices says what the block does to any distribution that enters it,
and blocks can be multiplied out side by side. So three passes of about the square root of T
steps each take the place of one pass of T. K is the number of states.

References
----------
Rabiner, L. R. (1989). A tutorial on hidden Markov models and selected applications in speech
recognition. Proceedings of the IEEE 77, 257-286.
"""

from dataclasses import dataclass

import numpy as np

# Chains up to so many times the block length are not cut: cutting multiplies the work by K.
_WORTH_CUTTING = 4
# Scaled sums lose paths that fall behind by so many nats; a double's range is 708.
_REACH_OF_DOUBLES = 600.0


@dataclass(frozen=True)
class ChainSums:
    """What forward-backward finds.

    Attributes
    ----------
    posteriors : float array of shape (T, K)
        Probability of each state at each position, given the whole of its sequence.
    log_likelihoods : float array of shape (n_sequences,)
        Natural log-likelihood of each sequence.
    transition_counts : float array of shape (K, K)
        Expected number of steps from each state to each, over all sequences.
    start_counts : float array of shape (K,)
        Expected number of sequences that begin in each state.
    """

    posteriors: np.ndarray
    log_likelihoods: np.ndarray
    transition_counts: np.ndarray
    start_counts: np.ndarray


@dataclass(frozen=True)
class _Blocks:
    """Stretches of sequences, longest first, so that those still running are the first ones.

    Attributes
    ----------
    begins, lengths : int arrays of shape (n_blocks,)
    is_first, is_last : bool arrays of shape (n_blocks,)
        Whether a block begins, or ends, its sequence.
    in_order : int array of shape (n_blocks,)
        The blocks by where they begin.
    running : list of int
        For each step from 0 to the longest block's length, how many blocks have that position.
    """

    begins: np.ndarray
    lengths: np.ndarray
    is_first: np.ndarray
    is_last: np.ndarray
    in_order: np.ndarray
    running: list

    def at(self, step):
        """Positions of the blocks that have a position `step`: a prefix of the blocks."""
        return self.begins[: self.running[step]] + step


def sum_chains(log_emissions, start, transitions, lengths) -> ChainSums:
    """Forward-backward on checked arguments.

    Parameters
    ----------
    log_emissions : float array of shape (T, K)
        Log density of each position's observation under each state.
    start : float array of shape (K,)
    transitions : float array of shape (K, K)
        Row: from, column: to.
    lengths : int array of shape (n_sequences,)
        They sum to T.

    Returns
    -------
    ChainSums

    Raises
    ------
    ValueError
        If no path can make a sequence.
    """
    begins = np.cumsum(lengths) - lengths
    inside = np.ones(len(log_emissions), dtype=bool)
    inside[begins] = False
    safe = _cannot_underflow(log_emissions, start, transitions)
    sums = _scaled_sums if safe else _sums_in_logs
    posteriors, counts, log_steps = sums(log_emissions, start, transitions, lengths, inside)
    log_likelihoods = np.add.reduceat(log_steps, begins)
    return ChainSums(posteriors, log_likelihoods, counts, posteriors[begins].sum(axis=0))


def best_paths(log_emissions, start, transitions, lengths) -> np.ndarray:
    """Viterbi's likeliest path of each sequence, on checked arguments: int array (T,)."""
    with np.errstate(divide="ignore"):
        log_start, log_transitions = np.log(start), np.log(transitions)
    blocks = _cut(lengths, max(lengths))
    before = np.zeros(log_emissions.shape, dtype=np.intp)
    height = log_start + log_emissions[blocks.begins]
    heights = [height]
    for step in range(1, blocks.lengths[0]):
        here = blocks.at(step)
        through = heights[-1][: len(here), :, None] + log_transitions
        before[here] = through.argmax(axis=1)
        heights.append(through.max(axis=1) + log_emissions[here])
    states = np.empty(len(log_emissions), dtype=np.intp)
    for step in range(blocks.lengths[0] - 1, -1, -1):
        here = blocks.at(step)
        n_on = len(blocks.at(step + 1))
        states[here[n_on:]] = heights[step][n_on:].argmax(axis=1)
        after = here[:n_on] + 1
        states[here[:n_on]] = before[after, states[after]]
    return states


def _cut(lengths, longest) -> _Blocks:
    """Cut sequences into blocks of at most `longest` positions."""
    sequence_begins = np.cumsum(lengths) - lengths
    pieces = -(-lengths // longest)
    of_sequence = np.repeat(np.arange(len(lengths)), pieces)
    number = np.arange(len(of_sequence)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begins = sequence_begins[of_sequence] + number * longest
    sizes = np.minimum(longest, (sequence_begins + lengths)[of_sequence] - begins)
    order = np.argsort(-sizes, kind="stable")
    is_last = number == pieces[of_sequence] - 1
    running = len(sizes) - np.searchsorted(np.sort(sizes), np.arange(sizes.max() + 1), "right")
    return _Blocks(
        begins[order],
        sizes[order],
        number[order] == 0,
        is_last[order],
        np.argsort(order),
        running.tolist(),
    )


def _cannot_underflow(log_emissions, start, transitions):
    """Whether a path that scaled sums lose is always replaced by a likelier one.

    From any state any other is reached in at most K - 1 steps, if at all. A detour of so many
    steps costs at most K times the rarest step and the widest gap between densities; while a
    double can hold that, a path that has fallen behind further cannot matter again.
    """
    if not np.isfinite(log_emissions).all():
        return False
    n_states = len(start)
    possible = (transitions > 0) | np.eye(n_states, dtype=bool)
    if not np.linalg.matrix_power(possible.astype(float), n_states - 1).all():
        return False
    rarest = min(transitions[transitions > 0].min(), start[start > 0].min())
    widest = (log_emissions.max(axis=1) - log_emissions.min(axis=1)).max()
    return n_states * (widest - np.log(rarest)) < _REACH_OF_DOUBLES


def _scaled_sums(log_emissions, start, transitions, lengths, inside):
    """Posteriors, transition counts and log-likelihood of each position given those before.

    Sums are normalised at each position; `inside` marks positions that follow another.
    """
    top = log_emissions.max(axis=1)
    scaled = np.exp(log_emissions - top[:, None])
    root = int(np.ceil(np.sqrt(len(scaled))))
    uncut = max(lengths) <= _WORTH_CUTTING * root
    blocks = _cut(lengths, max(lengths) if uncut else root)
    n_states = len(start)
    entering = np.full((len(blocks.begins), n_states), 1 / n_states)
    leaving = np.ones((len(blocks.begins), n_states))
    if not uncut:
        products = _block_products(scaled, start, transitions, blocks)
        _join(products, blocks, entering, leaving)
    forward, log_steps = _forward(scaled, start, transitions, blocks, entering)
    backward = _backward(scaled, transitions, blocks, leaving)
    posteriors = forward * backward
    posteriors /= posteriors.sum(axis=1, keepdims=True)
    before, after = forward[:-1][inside[1:]], (scaled * backward)[inside]
    reached = ((before @ transitions) * after).sum(axis=1, keepdims=True)
    counts = transitions * (before.T @ (after / reached))
    return posteriors, counts, log_steps + top


def _block_products(scaled, start, transitions, blocks):
    """Product of each block's step matrices, up to a factor: [n_blocks, K, K]."""
    n_states = len(start)
    first = np.where(blocks.is_first[:, None, None], start, transitions)
    product = first * scaled[blocks.begins][:, None, :]
    log_scale = np.zeros((len(product), n_states))
    for step in range(1, blocks.lengths[0]):
        here = blocks.at(step)
        rows = product[: len(here)].reshape(-1, n_states) @ transitions
        moved = rows.reshape(-1, n_states, n_states) * scaled[here][:, None, :]
        total = moved.sum(axis=2)
        product[: len(here)] = moved / total[:, :, None]
        log_scale[: len(here)] += np.log(total)
    return product * np.exp(log_scale - log_scale.max(axis=1, keepdims=True))[:, :, None]


def _join(products, blocks, entering, leaving):
    """Carry distributions from block to block; fills what enters and leaves each."""
    for block, after in zip(blocks.in_order[:-1], blocks.in_order[1:], strict=True):
        if not blocks.is_first[after]:
            carried = entering[block] @ products[block]
            entering[after] = carried / carried.sum()
    for before, block in zip(blocks.in_order[-2::-1], blocks.in_order[:0:-1], strict=True):
        if not blocks.is_first[block]:
            carried = products[block] @ leaving[block]
            leaving[before] = carried / carried.sum()


def _forward(scaled, start, transitions, blocks, entering):
    forward = np.empty_like(scaled)
    log_steps = np.empty(len(scaled))
    current = np.where(blocks.is_first[:, None], start, entering @ transitions)
    for step in range(blocks.lengths[0]):
        here = blocks.at(step)
        if step:
            current = current[: len(here)] @ transitions
        current = current * scaled[here]
        total = current.sum(axis=1)
        current /= total[:, None]
        forward[here] = current
        log_steps[here] = total
    return forward, np.log(log_steps)


def _backward(scaled, transitions, blocks, leaving):
    backward = np.empty_like(scaled)
    current = leaving
    for step in range(blocks.lengths[0] - 1, -1, -1):
        here = blocks.at(step)
        n_on = len(blocks.at(step + 1))
        values = leaving[: len(here)].copy()
        if n_on:
            after = here[:n_on] + 1
            moved = (scaled[after] * current[:n_on]) @ transitions.T
            values[:n_on] = moved / moved.sum(axis=1, keepdims=True)
        backward[here] = current = values
    return backward


def _sums_in_logs(log_emissions, start, transitions, lengths, inside):
    """As `_scaled_sums`, position by position in logarithms: slow, and never underflows."""
    with np.errstate(divide="ignore"):
        log_start, log_transitions = np.log(start), np.log(transitions)
    forward, backward = np.empty_like(log_emissions), np.zeros_like(log_emissions)
    log_steps = np.empty(len(log_emissions))
    current = log_start
    for t in range(len(log_emissions)):
        joint = (current if inside[t] else log_start) + log_emissions[t]
        log_steps[t] = np.logaddexp.reduce(joint)
        if not np.isfinite(log_steps[t]):
            raise ValueError(
                f"log_emissions: got position {t} (from 0) where no path of positive probability "
                "has a positive finite density, expected one at every position"
            )
        forward[t] = joint - log_steps[t]
        current = np.logaddexp.reduce(forward[t][:, None] + log_transitions, axis=0)
    for t in range(len(log_emissions) - 1, 0, -1):
        if inside[t]:
            onward = log_transitions + log_emissions[t] + backward[t]
            backward[t - 1] = np.logaddexp.reduce(onward, axis=1) - log_steps[t]
    after = (log_emissions + backward - log_steps[:, None])[inside]
    before = forward[:-1][inside[1:]]
    joint = before[:, :, None] + log_transitions + after[:, None, :]
    return np.exp(forward + backward), np.exp(joint).sum(axis=0), log_steps
