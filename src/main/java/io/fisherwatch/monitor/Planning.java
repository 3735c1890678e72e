package io.fisherwatch.monitor;

/** Decides what each batch is estimated with. */
interface Planning {

  /**
   * How many examples of a batch are squared together.
   *
   * @param tapped whether squaring each by itself costs no more than squaring all together
   */
  int microBatch(int examples, boolean tapped);

  /**
   * The whole plan, once the logits of the first micro-batch are known.
   *
   * @param parts the most rank-one parts of an output
   * @param positions outputs of one example
   */
  Plan plan(int parts, int examples, int positions);
}
