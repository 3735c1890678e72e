package io.fisherwatch.share;

/**
 * Where a part's running diagonal lies.
 *
 * @param uri of its latest state file
 * @param ordinal of the checkpoint that was in force when that was written
 */
public record DiagonalReference(String uri, long ordinal) {

  public DiagonalReference {
    if (uri.isEmpty() || ordinal < 0) {
      throw new IllegalArgumentException(
          "a diagonal at \"" + uri + "\" of ordinal " + ordinal + " is none");
    }
  }
}
