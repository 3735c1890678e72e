"""Says whether freshly made models are those under src/test/resources/models.

    python src/test/python/compare_models.py FRESH

JSON and tensors must agree to 1e-6 (another processor or PyTorch may round otherwise, and writes other
archives); the set of files must be the same. Exits 1 with the differences.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

MODELS = pathlib.Path(__file__).resolve().parents[1] / "resources/models"


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def same_json(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    if isinstance(a, float) and isinstance(b, (float, int)):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
    return a == b


def same_tensors(a, b):
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype
        and np.allclose(a[name].double().numpy(), b[name].double().numpy(), rtol=1e-6, atol=1e-7, equal_nan=True)
        for name in a
    )


def tensors(path):
    if path.suffix == ".pt":
        graph = torch.jit.load(str(path))
        return {**dict(graph.named_parameters()), **dict(graph.named_buffers())}
    return load_file(path)


def same(a, b):
    if a.read_bytes() == b.read_bytes():
        return True
    try:
        if a.suffix == ".json":
            return same_json(json.loads(a.read_text()), json.loads(b.read_text()))
        with torch.no_grad():
            return same_tensors(tensors(a), tensors(b))
    except (RuntimeError, ValueError, SafetensorError):
        return False


def main():
    fresh = pathlib.Path(sys.argv[1])
    wrong = sorted(files(fresh) ^ files(MODELS))
    wrong += [name for name in sorted(files(fresh) & files(MODELS)) if not same(fresh / name, MODELS / name)]
    for name in wrong:
        print(f"{name} is not what make_models.py makes now")
    print(f"{len(files(MODELS))} files, {len(wrong)} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
