#!/bin/bash
# Builds libdjl_torch.so, which joins PyTorch to Java, against a PyTorch that is installed:
#   git clone --depth 1 --branch v0.36.0 https://github.com/deepjavalibrary/djl /tmp/djl
#   deploy/gpu/build_engine.sh /tmp/djl "$(python3 -c 'import torch; print(torch.__path__[0])')"
# It is written into PyTorch's own lib folder, where DJL looks first. Needs a JDK (JAVA_HOME) and g++ with C++17; a
# minute or two on two cores. For PyTorch 2.7 and later, whose wheels have the C++11 ABI. DJL's version is that of pom.xml; PyTorch's ABI changes, so build again after an upgrade.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
djl=$1 torch=$2
sources=$djl/engines/pytorch/pytorch-native/src/main/native
jdk=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")}
for needed in "$sources" "$torch/lib/libtorch.so" "$jdk/include/jni.h"; do
  [ -e "$needed" ] || { echo "build_engine: $needed is not there" >&2; exit 66; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$jdk/bin/javac" -h "$work" -d "$work" \
  "$djl/engines/pytorch/pytorch-engine/src/main/java/ai/djl/pytorch/jni/PyTorchLibrary.java"
flags=(-O2 -fPIC -std=c++17 -w -DV1_11_X -I"$torch/include" -I"$torch/include/torch/csrc/api/include" -I"$work"
  -I"$jdk/include" -I"$jdk/include/linux" -I"$djl/api/src/main/native")
printf '%s\0' "$sources"/*.cc |
  xargs -0 -P "$(nproc)" -I{} bash -c 'g++ "${@:2}" -c "$1" -o "$0/$(basename "$1" .cc).o"' "$work" {} "${flags[@]}"
g++ -shared -o "$work/libdjl_torch.so" "$work"/*.o -L"$torch/lib" -ltorch -ltorch_cpu -lc10 -Wl,--no-undefined -Wl,-rpath,'$ORIGIN'
install -m 755 "$work/libdjl_torch.so" "$torch/lib/libdjl_torch.so"
echo "$torch/lib/libdjl_torch.so: $(stat -c %s "$torch/lib/libdjl_torch.so") bytes"
