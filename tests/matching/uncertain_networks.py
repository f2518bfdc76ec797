"""Networks that need no training: nearest-neighbour matchers that are sure of some points and unsure of others."""

import numpy as np
import torch
from matching_views import make_view, moved

from slam.learning.start import fresh_network
from slam.matching.adaptive import tokens


def uncertain_network(shape, seed):
    """The logits of confidence and matchability have a spread of 2 points; confidence grows with the layers."""
    torch.manual_seed(seed)
    width = shape.input_dim
    network = fresh_network(shape, np.concatenate([make_view(400, i, width).descriptors for i in range(3)]))
    a = make_view(200, 77, width)
    with torch.no_grad():
        states = network.states(*tokens(a, moved(a, 0.3, 78)[0]), 200)
        for layer, x in enumerate(states):
            if layer in shape.confidence_layers:
                spread(network.confidence(layer).token[0], x[0], 1.2 + 0.3 * layer)
            if layer in shape.assignment_layers:
                spread(network.head(layer).matchability, x[0], 0.5)
    return network


def spread(linear, x, mean):
    logits = linear(x)
    linear.weight.mul_(2.0 / float(logits.std()))
    linear.bias.fill_(0.0)
    linear.bias.fill_(mean - float(linear(x).mean()))
