package io.fisherwatch.djl;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.ModelLoader;
import io.fisherwatch.runtime.OutputSelector;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads TorchScript graphs onto one device. All native memory of a model goes when the model is
 * closed, and that of every model when the runtime is.
 */
public final class TorchRuntime implements ModelLoader {

  private static final Pattern CUDA = Pattern.compile("cuda(?::(\\d{1,3}))?");

  /** Read by NVIDIA's libraries; the engine's Java interface has no switch of its own. */
  private static final String TF32_OVERRIDE = "NVIDIA_TF32_OVERRIDE";

  private static final Logger LOG = LoggerFactory.getLogger(TorchRuntime.class);
  private static final AtomicBoolean ONE_BRANCH = new AtomicBoolean();

  private final Device device;
  private final PtNDManager manager;
  private @Nullable Kernels kernels;

  private TorchRuntime(Device device) {
    this.device = device;
    this.manager = (PtNDManager) NDManager.newBaseManager(device, "PyTorch");
  }

  /**
   * Starts the engine.
   *
   * @param device {@code auto} (the first GPU, or the CPU if there is none), {@code cpu}, {@code
   *     cuda} or {@code cuda:N}
   *     <p>Operations of one estimate share {@code threads} cores (intra-op), or small
   *     micro-batches are worked on by as many threads with one core each. Branches that a graph
   *     forks (inter-op) get no cores besides: their pool has one thread.
   * @param threads cores to use on the CPU; 0 leaves the engine's default, all of them
   * @throws ModelException {@code bad-device} if there is no such device
   */
  public static TorchRuntime open(String device, int threads) throws ModelException {
    System.setProperty("OPT_OUT_TRACKING", "true"); // DJL would report its use over the network
    Engine engine = Engine.getEngine("PyTorch");
    if (ONE_BRANCH.compareAndSet(false, true)) {
      keepBranchesOnOneThread();
    }
    if (threads > 0) {
      JniUtils.setNumThreads(threads);
    }
    Device chosen = choose(device, engine.getGpuCount());
    if (chosen.isGpu() && !"0".equals(System.getenv(TF32_OVERRIDE))) {
      LOG.warn(
          "convolutions may be computed with 10 bits of mantissa (TF32); {}=0 in the environment"
              + " keeps all 23",
          TF32_OVERRIDE);
    }
    return new TorchRuntime(chosen);
  }

  /** The engine takes this once in a process, before anything runs. */
  private static void keepBranchesOnOneThread() {
    try {
      JniUtils.setNumInteropThreads(1);
    } catch (EngineException e) {
      LOG.warn("graphs may fork onto more threads: the engine ran before us: {}", e.getMessage());
    }
  }

  @Override
  public Model load(Path graph, OutputSelector output) throws ModelException {
    return TorchModel.load(manager, kernels(), graph, output);
  }

  /** The functions on the device, which all models share. */
  synchronized Kernels kernels() {
    Kernels loaded = kernels;
    if (loaded == null) {
      loaded = Kernels.load(manager);
      kernels = loaded;
    }
    return loaded;
  }

  PtNDManager newManager() {
    return (PtNDManager) manager.newSubManager();
  }

  @Override
  public String device() {
    return name(device);
  }

  /** A device as PyTorch writes it. */
  static String name(Device device) {
    return device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu";
  }

  /** The engine's name and version. */
  public String version() {
    return "libtorch " + Engine.getEngine("PyTorch").getVersion();
  }

  @Override
  public void close() {
    manager.close();
  }

  private static Device choose(String device, int gpus) throws ModelException {
    if (device.equals("cpu") || (device.equals("auto") && gpus == 0)) {
      return Device.cpu();
    }
    if (device.equals("auto")) {
      return Device.gpu(0);
    }
    Matcher cuda = CUDA.matcher(device);
    if (!cuda.matches()) {
      throw new ModelException(
          "bad-device", "device '" + device + "' is none of auto, cpu, cuda:0, cuda:1, …");
    }
    int index = cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1));
    if (index >= gpus) {
      throw new ModelException(
          "bad-device",
          "device '"
              + device
              + "' is not there: the engine sees "
              + gpus
              + " GPUs; use cpu or auto");
    }
    return Device.gpu(index);
  }
}
