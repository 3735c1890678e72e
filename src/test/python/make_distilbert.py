"""Writes a DistilBERT classifier of four classes and a batch for it: graph.pt and batch.safetensors; and,
perceptron.pt, one of 64 pixels, 40 hidden units and 10 classes.

    python src/test/python/make_distilbert.py OUTDIR [--sequences 16] [--positions 64]

The default configuration (66,956,548 parameters) with seeded random weights: no download. Inputs are
input_ids and attention_mask; the sequences have different lengths and are padded. The graph returns the
logits alone, and is tapped.
"""

import argparse
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import DistilBertConfig, DistilBertForSequenceClassification

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "main/python"))
from fisherwatch._trace import trace  # noqa: E402

PARAMETERS = 66_956_548


class Logits(nn.Module):
    """The classifier under its usual parameter names, without the output's wrapper."""

    def __init__(self, model):
        super().__init__()
        self.distilbert, self.pre_classifier = model.distilbert, model.pre_classifier
        self.classifier = model.classifier

    def forward(self, input_ids, attention_mask):
        hidden = self.distilbert(input_ids=input_ids, attention_mask=attention_mask)[0]
        return self.classifier(torch.relu(self.pre_classifier(hidden[:, 0])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("outdir", type=pathlib.Path)
    parser.add_argument("--sequences", type=int, default=16)
    parser.add_argument("--positions", type=int, default=64)
    parsed = parser.parse_args()
    torch.manual_seed(66)
    config = DistilBertConfig(num_labels=4, attn_implementation="eager")
    reference = DistilBertForSequenceClassification(config).eval()
    model = Logits(reference).eval()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS
    lengths = torch.randint(parsed.positions // 4, parsed.positions + 1, (parsed.sequences, 1))
    mask = (torch.arange(parsed.positions) < lengths).to(torch.int64)
    ids = torch.randint(1000, config.vocab_size, mask.shape) * mask
    labels = torch.randint(4, (parsed.sequences,))
    parsed.outdir.mkdir(parents=True, exist_ok=True)
    traced = trace(model, (ids[:3], mask[:3]))
    assert traced.path == "tapped", traced.reason
    graph = traced.script
    with torch.no_grad():
        wanted = reference(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(graph(ids, mask), wanted, rtol=1e-4, atol=1e-5)  # the number of examples is free
        torch.testing.assert_close(graph(ids[:1], mask[:1]), wanted[:1], rtol=1e-4, atol=1e-5)
    traced.save(parsed.outdir / "graph.pt")
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    save_file(batch, parsed.outdir / "batch.safetensors")
    perceptron = trace(nn.Sequential(nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, 10)), (torch.rand(3, 64),))
    perceptron.save(parsed.outdir / "perceptron.pt")
    print(f"{parsed.outdir}: {PARAMETERS} parameters, {parsed.sequences} x {parsed.positions} tokens")


if __name__ == "__main__":
    main()
