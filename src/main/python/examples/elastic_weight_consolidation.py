"""Elastic weight consolidation: learning a second task without forgetting the first.

    python elastic_weight_consolidation.py

A network learns digits, then digits turned by a quarter. The diagonal of F at the first task's weights says which of
them the first task needs: a penalty strength/2 sum F_i (w_i - w_i*)^2 holds those, and lets the others go (Kirkpatrick
et al., 2017). An even penalty of the same mean strength shows what the diagonal adds.
"""

import copy

from digits import accuracy, arguments, fisher, load, train, trained

STRENGTH = 300.0


def main():
    """Prints how much of either task each penalty leaves."""
    options = arguments(__doc__)
    pixels, labels, test_pixels, test_labels = load()
    first = trained(options, pixels, labels, steps=200)
    diagonal = fisher(first, options, pixels)
    mean = sum(d.sum() for d in diagonal.values()) / sum(d.numel() for d in diagonal.values())
    even = {name: mean.expand_as(d) for name, d in diagonal.items()}
    print(f"first task learnt: {accuracy(first, test_pixels, test_labels):.1%} of upright digits right")
    print(f"{'then the second task, with':<32} {'upright':>8} {'turned':>8}")
    for name, weights in (("no penalty", None), ("an even penalty", even), ("the diagonal of F", diagonal)):
        model = copy.deepcopy(first)
        train(model, turned(pixels), labels, steps=200, penalty=weights and consolidation(model, first, weights))
        upright = accuracy(model, test_pixels, test_labels)
        print(f"{name:<32} {upright:>8.1%} {accuracy(model, turned(test_pixels), test_labels):>8.1%}")


def consolidation(model, first, weights):
    """The penalty of a model that leaves the first task's weights."""
    anchors = {name: p.detach().clone() for name, p in first.named_parameters()}

    def penalty():
        return STRENGTH / 2 * sum((weights[n] * (p - anchors[n]) ** 2).sum() for n, p in model.named_parameters())

    return penalty


def turned(pixels):
    """The images turned by a quarter."""
    return pixels.reshape(-1, 8, 8).rot90(1, (1, 2)).reshape(-1, 64)


if __name__ == "__main__":
    main()
