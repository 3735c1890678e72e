package io.fisherwatch.state;

import java.util.List;

/**
 * One run in a snapshot.
 *
 * @param run its name
 * @param checkpointStep the step of the checkpoint in force, whose files a restart reads; −1 if
 *     there is none
 * @param state safetensors: {@link RunRecord} and what its monitor has accumulated
 * @param history JSON: its history
 */
public record StoredRun(String run, long checkpointStep, StoredFile state, StoredFile history) {

  List<StoredFile> files() {
    return List.of(state, history);
  }
}
