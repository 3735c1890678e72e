package io.fisherwatch.agent;

import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The runs whose models are on the device, as many as are allowed: for one more the one that was
 * used longest ago leaves. Safe for use by many threads.
 */
final class Residents {

  /** One whose model can be let go and brought back. */
  @FunctionalInterface
  interface Resident {
    /** Lets the model go. */
    void leave();
  }

  private final int most;
  private final Set<Resident> byUse = new LinkedHashSet<>();

  /**
   * @param most models at the same time, at least 1
   */
  Residents(int most) {
    this.most = most;
  }

  /** Makes room for one more. */
  void admit(Resident resident) {
    Resident oldest = enter(resident);
    while (oldest != null) {
      oldest.leave();
      gone(oldest);
      oldest = enter(resident);
    }
  }

  /** Enters one, or tells who has to leave first. */
  private synchronized @Nullable Resident enter(Resident resident) {
    if (!byUse.contains(resident) && byUse.size() >= most) {
      return byUse.iterator().next();
    }
    touch(resident);
    return null;
  }

  /** It is in use. */
  synchronized void touch(Resident resident) {
    byUse.remove(resident);
    byUse.add(resident);
  }

  /** Its model is not here any more. */
  synchronized void gone(Resident resident) {
    byUse.remove(resident);
  }
}
