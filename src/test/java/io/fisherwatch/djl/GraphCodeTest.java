package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class GraphCodeTest {

  private static final String HOST = "a = torch.arange(n, device=torch.device(\"cpu\"))\n";
  private static final String GPU = "b = torch.to(a, torch.device(\"cuda:1\"), 6)\n";

  @Test
  void prepared_traceOfTheHost_makesItsTensorsOnTheDevice() {
    assertThat(GraphCode.namesHostOnly(HOST)).isTrue();
    assertThat(GraphCode.prepared(HOST, true, "cuda:0"))
        .isEqualTo("a = torch.arange(n, device=torch.device(\"cuda:0\"))\n");
    assertThat(GraphCode.prepared(HOST, true, "cpu")).isEqualTo(HOST);
  }

  @Test
  void prepared_traceOfAGpu_keepsWhatIsMeantForTheHost() {
    assertThat(GraphCode.namesHostOnly(HOST + GPU)).isFalse();
    assertThat(GraphCode.prepared(HOST + GPU, false, "cuda:0"))
        .isEqualTo(HOST + "b = torch.to(a, torch.device(\"cuda:0\"), 6)\n");
    assertThat(GraphCode.prepared(HOST + GPU, false, "cpu"))
        .isEqualTo(HOST + "b = torch.to(a, torch.device(\"cpu\"), 6)\n");
  }
}
