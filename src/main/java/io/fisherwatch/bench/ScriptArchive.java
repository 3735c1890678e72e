package io.fisherwatch.bench;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes a TorchScript file: a zip archive of code, of a pickled tree of modules and of the numbers
 * of their parameters. So that models of any size need no Python and no room in the repository.
 */
final class ScriptArchive {

  private static final int CHUNK = 1 << 20;

  private final List<Parameter> parameters = new ArrayList<>();
  private final ByteArrayOutputStream pickled = new ByteArrayOutputStream();
  private final DataOutputStream pickle = new DataOutputStream(pickled);

  /**
   * A module in the tree.
   *
   * @param type its class, of those in the code
   * @param attributes by name: {@link Module}s and {@link Parameter}s
   */
  record Module(String type, Map<String, Object> attributes) {}

  /**
   * A float32 parameter, uniform between ± a bound.
   *
   * @param shape its dimensions
   * @param bound the largest size of an entry
   */
  record Parameter(List<Integer> shape, double bound) {

    long elements() {
      return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }
  }

  private ScriptArchive() {}

  /**
   * Writes a file.
   *
   * @param code of the classes, as TorchScript serialises it
   */
  static void write(Path file, String code, Module root) throws IOException {
    ScriptArchive archive = new ScriptArchive();
    archive.pickle.write(new byte[] {(byte) 0x80, 2}); // protocol 2
    archive.module(root);
    archive.pickle.write('.');
    try (ZipOutputStream zip =
        new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(file), CHUNK))) {
      zip.setLevel(Deflater.NO_COMPRESSION);
      entry(zip, "data.pkl", archive.pickled.toByteArray());
      entry(zip, "code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
      entry(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
      for (int i = 0; i < archive.parameters.size(); i++) {
        zip.putNextEntry(new ZipEntry("bench/data/" + i));
        numbers(zip, archive.parameters.get(i), i);
        zip.closeEntry();
      }
      entry(zip, "version", "3\n".getBytes(StandardCharsets.UTF_8));
    }
  }

  private static void entry(ZipOutputStream zip, String name, byte[] content) throws IOException {
    zip.putNextEntry(new ZipEntry("bench/" + name));
    zip.write(content);
    zip.closeEntry();
  }

  private static void numbers(OutputStream out, Parameter parameter, long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    ByteBuffer buffer = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    for (long i = 0; i < parameter.elements(); i++) {
      buffer.putFloat((float) (parameter.bound() * (2 * random.nextDouble() - 1)));
      if (!buffer.hasRemaining()) {
        out.write(buffer.array());
        buffer.clear();
      }
    }
    out.write(buffer.array(), 0, buffer.position());
  }

  private void module(Module module) throws IOException {
    global("__torch__", module.type());
    pickle.write(new byte[] {')', (byte) 0x81, '}', '('}); // an object and its dictionary
    text("training");
    pickle.write((byte) 0x89); // False
    for (Map.Entry<String, Object> attribute : module.attributes().entrySet()) {
      text(attribute.getKey());
      if (attribute.getValue() instanceof Module child) {
        module(child);
      } else {
        parameter((Parameter) attribute.getValue());
      }
    }
    pickle.write(new byte[] {'u', 'b'});
  }

  private void parameter(Parameter parameter) throws IOException {
    global("torch._utils", "_rebuild_tensor_v2");
    pickle.write(new byte[] {'(', '('});
    text("storage");
    global("torch", "FloatStorage");
    text(Integer.toString(parameters.size()));
    text("cpu");
    number(Math.toIntExact(parameter.elements()));
    pickle.write(new byte[] {'t', 'Q'});
    number(0); // offset
    tuple(parameter.shape());
    tuple(strides(parameter.shape()));
    pickle.write((byte) 0x88); // it takes gradients
    global("collections", "OrderedDict");
    pickle.write(new byte[] {')', 'R', 't', 'R'});
    parameters.add(parameter);
  }

  private static List<Integer> strides(List<Integer> shape) {
    Integer[] strides = new Integer[shape.size()];
    int stride = 1;
    for (int i = strides.length - 1; i >= 0; i--) {
      strides[i] = stride;
      stride *= shape.get(i);
    }
    return List.of(strides);
  }

  private void tuple(List<Integer> numbers) throws IOException {
    pickle.write('(');
    for (int number : numbers) {
      number(number);
    }
    pickle.write('t');
  }

  private void number(int value) throws IOException {
    pickle.write('J');
    pickle.writeInt(Integer.reverseBytes(value));
  }

  private void text(String value) throws IOException {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    pickle.write('X');
    pickle.writeInt(Integer.reverseBytes(bytes.length));
    pickle.write(bytes);
  }

  private void global(String module, String name) throws IOException {
    pickle.write(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
  }
}
