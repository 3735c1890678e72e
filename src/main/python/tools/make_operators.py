"""Writes src/main/resources/io/fisherwatch/djl/operators.txt: PyTorch's operators, sorted into those
that an examined graph may use and the others.

An operator is allowed if it computes tensors, numbers, strings or lists from its arguments and does
nothing else. Refused are those that touch files, other threads, streams, the generator's seed or the
storage behind a tensor, and whatever is private to PyTorch (few of those check their arguments),
but for the few that exported graphs hold. A new PyTorch's new operators land among the refused until
somebody has read them: --review prints what this script would allow and the file does not.
"""

import argparse
import re
from pathlib import Path

import torch

FILE = Path(__file__).resolve().parents[2] / "resources/io/fisherwatch/djl/operators.txt"

# Files, threads and streams, global state, storages and their layout, gradients by other ways.
REFUSED = re.compile(
    r"save|load|from_file|wait|set|set_|set_data|set_grad_enabled|record_stream|manual_seed|seed|initial_seed"
    r"|random.*_seed|data|data_ptr|backward|grad|retain_grad|retains_grad|resize.*|as_strided.*|unsafe_.*"
    r"|.*backward.*|.*_out|.*_copy|.*cudnn.*|.*mkldnn.*|.*miopen.*|.*mps.*|.*quantize.*|.*fbgemm.*|q_.*"
    r"|quantized_.*|fake_.*|fused_.*|choose_qparams.*|int_repr|qscheme|sparse_.*|.*_symint|sym_.*|nested_.*"
    r"|pin_memory|is_pinned|rename.*|align_.*|refine_names|lift.*|batch_norm_.*|lift_fresh|is_vulkan_available"
    r"|get_autocast.*|is_autocast.*|has_torch_function|output_nr|sspaddmm|hspmm|smm|copy_sparse.*|.*_jvp"
    r"|segment_reduce|convolution_overrideable|flatten_dense_tensors|unflatten_dense_tensors|to_padded.*"
    r"|values_copy|dequantize.*|empty_quantized|native_channel_shuffle|rrelu_with_noise.*|slice_inverse"
    r"|autocast.*|is_scripting|rowwise_prune|special_.*_polynomial_.*|hash|get_device_capability|sparse_.*"
)

# Caught by the rules above, but written by exporters for ordinary Python, or checked like the others.
ORDINARY = """
    __and__ __or__ __xor__ __not__ __is__ __isnot__ __contains__ __getitem__ __lshift__ __rshift__ __iand__
    __ior__ __ixor__ __derive_index __range_length _convolution _set_item _softmax _log_softmax _unwrap_optional
    _convolution_mode _shape_as_tensor _reshape_from_tensor _pack_padded_sequence _pad_packed_sequence _weight_norm _cast_Float
    _cast_Double _cast_Long _cast_Int _cast_Half _upsample_bilinear2d_aa _upsample_bicubic2d_aa lift_fresh
    set_grad_enabled is_scripting is_autocast_enabled is_autocast_cpu_enabled
""".split()

# Of the namespace prim, and fields of tensors.
OTHERS = """
    NumToTensor RaiseException min max abs device dtype layout index itemsize is_cpu is_cuda is_sparse requires_grad
    tolist type unchecked_cast unchecked_unwrap_optional rangelist shape ndim
""".split()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--review", action="store_true")
    options = parser.parse_args()
    names = {s.name.split("::")[1] for s in torch._C._jit_get_all_schemas() if s.name.startswith("aten::")}
    allowed = {n for n in names if not n.startswith("_") and not REFUSED.fullmatch(n)}
    allowed |= set(ORDINARY) | set(OTHERS)
    if options.review:
        before = set(FILE.read_text().split("# refused\n")[0].split())
        print(*sorted(allowed - before), sep="\n")
        return
    lines = ["# made by src/main/python/tools/make_operators.py, allowed first", *sorted(allowed)]
    lines += ["# refused", *sorted(names - allowed)]
    FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
