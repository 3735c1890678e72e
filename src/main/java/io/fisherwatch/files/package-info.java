/**
 * Files that others name: found and opened under the configured folders only, whatever links say.
 * The door is {@link io.fisherwatch.files.FileRoots}.
 */
@NullMarked
package io.fisherwatch.files;

import org.jspecify.annotations.NullMarked;
