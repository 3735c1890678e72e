package io.fisherwatch.snapshot;

/**
 * Means over examples (over unmasked positions for token models) in the core space of the logits.
 *
 * @param trace trace of the core matrix: 1 − ‖p‖² for a categorical output
 * @param topEigenvalue its largest eigenvalue
 * @param maxProbability the largest probability
 * @param entropy in nats
 */
public record CoreFigures(
    double trace, double topEigenvalue, double maxProbability, double entropy) {}
