"""Fisher-weighted merging: one network out of two that were fine-tuned apart.

    python merging.py

From one start a network is fine-tuned on images whose right half is blank, and another on those whose left half is.
Averaging their weights treats all alike; weighting each by its network's diagonal of F lets the one that a weight
matters to decide (Matena and Raffel, 2022).
"""

import copy

import torch
from digits import accuracy, arguments, fisher, load, train, trained

SMALLEST = 1e-8  # where neither network minds, the plain average


def main():
    """Prints how the networks, their average and their merger by F do on either task, and on whole images."""
    options = arguments(__doc__)
    pixels, labels, test_pixels, test_labels = load()
    if options.run:
        networks = [trained(options, pixels, labels, 0, place) for place in (0, 1)]
    else:
        start = trained(options, pixels, labels, steps=30)
        networks = [copy.deepcopy(start) for _ in range(2)]
        for place, network in enumerate(networks):
            train(network, half(pixels, place), labels, steps=60, rate=0.001)
    diagonals = [fisher(network, options, half(pixels, place), place) for place, network in enumerate(networks)]
    ones = [{name: torch.ones_like(d) for name, d in diagonal.items()} for diagonal in diagonals]
    rows = [("of left halves", networks[0]), ("of right halves", networks[1])]
    rows += [("plain average", merged(networks, ones)), ("weighted by F", merged(networks, diagonals))]
    print(f"{'network':<16} {'left':>7} {'right':>7} {'mean':>7} {'whole':>7}")
    for name, network in rows:
        left, right = (accuracy(network, half(test_pixels, place), test_labels) for place in (0, 1))
        whole = accuracy(network, test_pixels, test_labels)
        print(f"{name:<16} {left:>7.1%} {right:>7.1%} {(left + right) / 2:>7.1%} {whole:>7.1%}")


def half(pixels, place):
    """Images with the right half blank (0), or the left one (1)."""
    images = pixels.reshape(-1, 8, 8).clone()
    images[:, :, 4:] *= place
    images[:, :, :4] *= 1 - place
    return images.reshape(-1, 64)


@torch.no_grad()
def merged(networks, weights):
    """A network whose every weight is the weighted mean of the others'."""
    made = copy.deepcopy(networks[0])
    for name, parameter in made.named_parameters():
        shares = [w[name] + SMALLEST for w in weights]
        parameter.copy_(sum(s * n.get_parameter(name) for s, n in zip(shares, networks)) / sum(shares))
    return made


if __name__ == "__main__":
    main()
