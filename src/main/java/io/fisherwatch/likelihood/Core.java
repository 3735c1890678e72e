package io.fisherwatch.likelihood;

/**
 * The core space of one output of C logits: its Fisher matrix M (C × C), split into rank-one parts,
 * and the cotangents whose squares estimate the pull-backs of M and of its envelopes. For one
 * thread.
 *
 * <p>All cotangents are without the factor 1/√N. Arrays {@code u} have length C and are overwritten
 * wholly. For a categorical output M = diag(p) − ppᵀ with the envelopes λ₁v₁v₁ᵀ ⪯ M ⪯ diag(p)
 * (arXiv 2505.13614); for the others M is diagonal, and its own upper envelope.
 */
public interface Core {

  /** The number C of logits. */
  int classes();

  /** tr M; for a categorical output 1 − ‖p‖², computed without cancellation. */
  double trace();

  /** The largest eigenvalue λ₁ of M. */
  double topEigenvalue();

  /**
   * The largest probability; for independent sigmoids the mean over them of the likelier answer's.
   * NaN where there are none.
   */
  double maxProbability();

  /** The entropy of the output's distribution, in nats. */
  double entropy();

  /** tr diag(p) − tr M = ‖p‖² for a categorical output, else 0. */
  double upperGapTrace();

  /**
   * Whether the two largest probabilities agree so closely (to 1e-8) that the leading eigenvector
   * hangs on the tie-break.
   */
  boolean tied();

  /** How many rank-one parts are not zero: at most C − 1 for a categorical output. */
  int rank();

  /** The k-th largest eigenvalue of M, from 0. */
  double eigenvalue(int k);

  /** u = √λₖ vₖ: M is the sum of uuᵀ over all parts. Zero for k ≥ {@link #rank()}. */
  void part(int k, double[] u);

  /**
   * Another split of M: u of part 0 is that of {@link #part}, and the sum of uuᵀ over k below C, or
   * below C − 1 for a categorical output, is M, whatever the others are. Cheaper than eigenvectors,
   * and worse than they where parts of several outputs get random signs and share a square.
   */
  default void exactPart(int k, double[] u) {
    part(k, u);
  }

  /** The plain probe of M: s∘ξ − p(s·ξ) with s = √p; E uuᵀ = M. */
  void fisher(Probe probe, double[] u);

  /** The probe of the upper envelope: s∘ξ; E uuᵀ = diag(p). */
  void upper(Probe probe, double[] u);

  /** The rank-one gap between upper envelope and M: u = p. */
  void upperGap(double[] u);

  /**
   * The probe of what is left of M once its first r parts are taken off: (1 − Σ vvᵀ) applied to the
   * plain probe. Exactly zero if nothing is left.
   */
  void remainder(int r, Probe probe, double[] u);

  /**
   * Another probe of what is left of M once its first r parts are taken off, of less variance: the
   * next parts each with a sign of its own (all of them if they are few), and the {@link
   * #remainder} of the others. With r = 0 a probe of M itself. Exactly zero if nothing is left.
   */
  void rest(int r, Probe probe, double[] u);

  /** e_y − p for a label y drawn from p; E uuᵀ = M. */
  void sampledLabel(Probe probe, double[] u);

  /** ±e_y for a label y drawn from p; E uuᵀ = diag(p). */
  void sampledUpper(Probe probe, double[] u);

  /** Whether class indices are labels here. */
  boolean hasEmpirical();

  /**
   * e_label − p, the gradient of the log-likelihood.
   *
   * @throws IllegalArgumentException if there is no such class
   */
  void empirical(int label, double[] u);
}
