"""Pruning by Fisher-weighted saliency: leaving out the weights that the outputs miss least.

    python pruning.py

Setting a weight w to zero changes the outputs' distributions by about F_ii w^2 / 2 nats, as long as that is little
(optimal brain damage, LeCun et al., 1990, with the diagonal of F). Magnitude alone does not see which weights are ever
used. Shown is that change, the mean divergence of the pruned network's outputs from the whole one's, and the accuracy;
both are means over three networks.
"""

import copy

import torch
from digits import accuracy, arguments, fisher, load, trained

SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)


def main():
    """Prints the accuracy of pruned networks by the share of their weights that is left out."""
    options = arguments(__doc__)
    pixels, labels, test_pixels, test_labels = load()
    figures = torch.zeros(len(SHARES), 2, 2)
    networks = 1 if options.run else 3
    for _ in range(networks):
        network = trained(options, pixels, labels, steps=200)
        diagonal = fisher(network, options, pixels)
        weights = {name: p.detach() for name, p in network.named_parameters() if p.dim() > 1}
        magnitude = {name: w.abs() for name, w in weights.items()}
        saliency = {name: diagonal[name] * w**2 for name, w in weights.items()}
        for row, share in enumerate(SHARES):
            for column, order in enumerate((magnitude, saliency)):
                smaller = pruned(network, order, share)
                figures[row, 0, column] += divergence(network, smaller, test_pixels) / networks
                figures[row, 1, column] += accuracy(smaller, test_pixels, test_labels) / networks
    print(f"{'weights':>8} {'nats lost,':>12} {'':>12} {'accuracy,':>12}")
    print(f"{'left out':>8} {'by magnitude':>12} {'by F w^2':>12} {'by magnitude':>12} {'by F w^2':>12}")
    for share, ((nats, nats_f), (right, right_f)) in zip(SHARES, figures.tolist()):
        print(f"{share:>8.0%} {nats:>12.4f} {nats_f:>12.4f} {right:>12.1%} {right_f:>12.1%}")


@torch.no_grad()
def divergence(network, other, pixels):
    """The mean Kullback-Leibler divergence of another network's outputs from a network's, in nats."""
    log_p, log_q = network(pixels).log_softmax(1), other(pixels).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


@torch.no_grad()
def pruned(network, order, share):
    """A network without the share of its weights that comes first in an order, taken over all layers."""
    everywhere = torch.cat([entries.flatten() for entries in order.values()]).sort().values
    count = round(share * len(everywhere))
    made = copy.deepcopy(network)
    for name, entries in order.items():
        made.get_parameter(name).mul_(entries > everywhere[count - 1] if count else 1)
    return made


if __name__ == "__main__":
    main()
