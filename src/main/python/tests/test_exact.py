"""`fisherwatch.exact` against closed forms, against the fixtures of the Java tests, and in its errors."""

import copy
import json
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import fisherwatch

MODELS = Path(__file__).resolve().parents[3] / "test/resources/models"
KINDS = sorted(path.parent.name for path in MODELS.glob("*/case.json"))


def softmax_layer(classes=4, features=3, examples=5):
    torch.manual_seed(7)
    return nn.Linear(features, classes).double(), torch.randn(examples, features, dtype=torch.float64)


def two_layers(classes=5):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, classes))
    return model, torch.randn(6, 3), torch.randint(classes, (6,))


def test_one_softmax_layer_is_the_mean_of_kronecker_products():
    model, x = softmax_layer()
    found = fisherwatch.exact(model, x, diagonal=True)
    p = torch.softmax(model(x), 1).detach()
    core = torch.diag_embed(p) - torch.einsum("ni,nj->nij", p, p)
    with_bias = torch.cat([x, torch.ones(len(x), 1)], 1)
    whole = torch.einsum("nij,na,nb->iajb", core, with_bias, with_bias) / len(x)
    whole = whole.reshape(4 * 4, 4 * 4)
    torch.testing.assert_close(found.diagonal["fisher/weight"], (p * (1 - p)).T @ x**2 / len(x))
    torch.testing.assert_close(found.diagonal["upper/bias"], p.mean(0))
    eigenvalues = torch.linalg.eigvalsh(whole)
    total = found.layers["_total"]
    assert total.fisher == pytest.approx(float(whole.trace()), rel=1e-12)
    assert total.top_eigenvalue == pytest.approx(float(eigenvalues[-1]), rel=1e-10)
    assert total.effective_rank == pytest.approx(float(whole.trace() ** 2 / (whole**2).sum()), rel=1e-10)


def test_two_classes_leave_no_gap_below():
    total = fisherwatch.exact(*softmax_layer(2)).layers["_total"]
    assert total.gap_lower < 1e-28 * total.lower and total.lower == total.fisher


def test_uniform_outputs_have_the_known_ratios():
    model, x = softmax_layer(5)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    total = fisherwatch.exact(model, x).layers["_total"]
    assert total.lower / total.fisher == pytest.approx(1 / 4, rel=1e-12)
    assert total.upper / total.fisher == pytest.approx(5 / 4, rel=1e-12)


def test_envelopes_enclose_every_entry_to_the_last_bit():
    model, x, labels = two_layers()
    found = fisherwatch.exact(model, x, labels=labels, diagonal=True)
    for name, _ in model.named_parameters():
        lower, fisher, upper = (found.diagonal[f"{e}/{name}"] for e in ("lower", "fisher", "upper"))
        assert (lower <= fisher).all() and (fisher <= upper).all()


def test_empirical_is_the_mean_square_of_the_loss_gradients():
    model, x, labels = two_layers()
    found = fisherwatch.exact(model, x, labels=labels, diagonal=True)
    model = copy.deepcopy(model).double().eval()
    wanted = 0
    for row, label in zip(x.double(), labels):
        loss = nn.functional.cross_entropy(model(row[None]), label[None])
        wanted = wanted + torch.autograd.grad(loss, model[3].weight)[0] ** 2 / len(x)
    torch.testing.assert_close(found.diagonal["empirical/3.weight"], wanted)


@pytest.mark.parametrize("gap", [1.0, 40.0, 700.0])
def test_nearly_one_hot_outputs_keep_their_relative_accuracy(gap):
    model = nn.Linear(1, 3, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0], [gap], [0.0]]))
    total = fisherwatch.exact(model, torch.ones(1, 1), labels=torch.tensor([1])).layers["_total"]
    e = torch.tensor(-gap, dtype=torch.float64).exp()
    p, tail = float(1 / (1 + 2 * e)), float(e / (1 + 2 * e))
    assert total.lower == pytest.approx(p * 3 * tail, rel=1e-12)
    assert total.fisher == pytest.approx(2 * p * 2 * tail + 2 * tail**2, rel=1e-12)
    assert total.empirical == pytest.approx((2 * tail) ** 2 + 2 * tail**2, rel=1e-12)


def load(kind):
    """A fixture's graph with its weights, its batch, and the options of `exact`."""
    folder = MODELS / kind
    case = json.loads((folder / "case.json").read_text())
    graph = torch.jit.load(str(folder / "graph.pt"))
    state = graph.state_dict()
    with torch.no_grad():
        for name, tensor in load_file(folder / "weights.safetensors").items():
            state[name].copy_(tensor)
    tensors = load_file(folder / "batch.safetensors")
    options = {
        "likelihood": case.get("likelihood", "categorical"),
        "sigma": case.get("sigma", 1.0),
        "labels": tensors.get("labels"),
        "mask": tensors.get(case.get("mask")),
        "logits": case.get("logitsKey", case.get("logitsIndex")),
        "layers": json.loads((folder / case["layers"]).read_text()) if "layers" in case else (),
    }
    return graph, tuple(tensors[name] for name in case["inputs"]), options


@pytest.mark.parametrize("kind", KINDS)
def test_fixtures(kind):
    graph, batch, options = load(kind)
    found = fisherwatch.exact(graph, batch, diagonal=True, **options)
    wanted = json.loads((MODELS / kind / "expected.json").read_text())
    for key in ("examples", "positions", "classes", "parameters", "aliases"):
        assert getattr(found, key) == wanted[key], key
    core = {
        "trace": found.core.trace,
        "topEigenvalue": found.core.top_eigenvalue,
        "maxProbability": found.core.max_probability,
        "entropy": found.core.entropy,
    }
    assert core == pytest.approx(wanted["core"], rel=1e-9)
    assert list(found.layers)[0] == "_total" and set(found.layers) == {layer["layer"] for layer in wanted["layers"]}
    for layer in wanted["layers"]:  # traced graphs hold constants in float32
        mine = found.layers[layer["layer"]]
        assert (mine.parameters, mine.covered) == (layer["parameters"], layer["covered"])
        for estimate, trace in layer["trace"].items():
            assert getattr(mine, estimate) == (None if trace is None else pytest.approx(trace, rel=1e-7)), estimate
    diagonals = load_file(MODELS / kind / "expected_diagonal.safetensors")
    assert set(diagonals) == {name for name in found.diagonal if not name.startswith("empirical/")}
    largest = max(float(tensor.max()) for tensor in diagonals.values() if tensor.numel())
    for name, tensor in diagonals.items():
        torch.testing.assert_close(found.diagonal[name], tensor.double(), rtol=1e-5, atol=1e-9 * largest)


def test_the_model_is_left_alone():
    model, x, labels = two_layers()
    model.train()
    nn.functional.cross_entropy(model(x), labels).backward()
    before = [(p.detach().clone(), p.grad.clone()) for p in model.parameters()]
    fisherwatch.exact(model, x, labels=labels)
    assert model.training and model[2].training
    for p, (value, gradient) in zip(model.parameters(), before):
        assert p.dtype == torch.float32 and torch.equal(p, value) and torch.equal(p.grad, gradient)


def test_chunks_change_nothing():
    model, x, labels = two_layers()
    whole, cut = (fisherwatch.exact(model, x, labels=labels, chunk=chunk) for chunk in (None, 2))
    for name, layer in whole.layers.items():
        assert cut.layers[name].fisher == pytest.approx(layer.fisher, rel=1e-12)
        assert cut.layers[name].effective_rank == pytest.approx(layer.effective_rank, rel=1e-9)


def test_operators_without_a_batching_rule_go_one_after_another():
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, gradient):
            return torch.from_numpy(2 * gradient.numpy())  # no vmap sees through NumPy

    class Model(nn.Module):
        def __init__(self, inner, function):
            super().__init__()
            self.inner, self.function = inner, function

        def forward(self, x):
            return self.function(self.inner(x))

    model, x, _ = two_layers()
    found = fisherwatch.exact(Model(model, Doubled.apply), x).layers["_total"]
    assert found.fisher == pytest.approx(fisherwatch.exact(Model(model, lambda z: 2 * z), x).layers["_total"].fisher)


def test_sparse_embeddings():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Embedding(7, 4, sparse=True), nn.Flatten(), nn.Linear(8, 3))
    ids = torch.randint(7, (5, 2))
    sparse = fisherwatch.exact(model, ids, diagonal=True)
    model[0].sparse = False
    torch.testing.assert_close(
        sparse.diagonal["fisher/0.weight"], fisherwatch.exact(model, ids, diagonal=True).diagonal["fisher/0.weight"]
    )


Output = namedtuple("Output", "loss logits")


@pytest.mark.parametrize(
    ("wrap", "logits"),
    [
        (lambda z: (z, z * 0), None),
        (lambda z: (z * 0, z), 1),
        (lambda z: {"logits": z}, None),
        (lambda z: {"scores": z}, "scores"),
        (lambda z: Output(None, z), None),
        (lambda z: Output(None, z), "logits"),
        (lambda z: [[z]], lambda out: out[0][0]),
    ],
)
def test_logits_are_found(wrap, logits):
    class Wrapped(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return wrap(self.inner(x))

    model, x, _ = two_layers()
    found = fisherwatch.exact(Wrapped(model), x, logits=logits)
    assert found.layers["_total"].fisher == fisherwatch.exact(model, x).layers["_total"].fisher


def test_a_hugging_face_batch_gives_labels_and_mask():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=3
    )
    ids, mask = torch.randint(20, (3, 4)), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
    batch = {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 2, 1])}
    found = fisherwatch.exact(transformers.BertForSequenceClassification(config), batch)
    assert found.layers["_total"].empirical is not None and "bert.encoder.layer.0.attention.self.query" in found.layers
    batch["labels"] = torch.where(mask == 0, -100, ids % 3)
    tokens = transformers.BertForTokenClassification(config)
    found = fisherwatch.exact(tokens, batch)
    assert found.positions == 9 and found.examples == 3
    masked = fisherwatch.exact(tokens, {**batch, "labels": None}, mask="attention_mask")
    assert masked.layers["_total"].fisher == found.layers["_total"].fisher


def test_an_unmasked_output_without_a_label_leaves_no_empirical_figure():
    model, x, labels = two_layers()
    labels[0] = -100
    assert fisherwatch.exact(model, x, labels=labels).positions == 5
    kept = fisherwatch.exact(model, x, labels=labels, mask=torch.ones(6))
    assert kept.positions == 6 and kept.layers["_total"].empirical is None


def detached(model):
    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            return self.inner(x).detach()

    return Detached()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": nn.Linear(3, 1)}, ValueError, "single class"),
        ({"batch": torch.zeros(0, 3)}, ValueError, "empty"),
        ({"model": nn.Linear(3, 4).requires_grad_(False)}, ValueError, "requires_grad_"),
        ({"model": detached(nn.Linear(3, 4))}, ValueError, "no gradient"),
        ({"batch": torch.full((2, 3), torch.nan)}, ValueError, "not finite"),
        ({"labels": torch.tensor([0, 9])}, ValueError, "label 9"),
        ({"labels": torch.tensor([0])}, ValueError, "first dimension"),
        ({"labels": torch.tensor([[0, 0], [1, 1]])}, ValueError, "2, 2"),
        ({"mask": torch.zeros(2)}, ValueError, "masked"),
        ({"mask": "veil", "batch": {"input": torch.zeros(2, 3)}}, ValueError, "veil.*input"),
        ({"likelihood": "poisson"}, ValueError, "poisson.*bernoulli"),
        ({"sigma": 0.0}, ValueError, "sigma"),
        ({"layers": [{"name": "_mine", "match": "x"}]}, ValueError, "reserved"),
        ({"logits": "scores"}, TypeError, "scores.*Tensor"),
        ({"logits": lambda out: out[0, 0]}, ValueError, r"\[N|\[1, C\]"),
    ],
)
def test_errors_say_what_is_wrong(change, error, message):
    call = {"model": nn.Linear(3, 4), "batch": torch.ones(2, 3), **change}
    with pytest.raises(error, match=message):
        fisherwatch.exact(call.pop("model"), call.pop("batch"), **call)


def test_it_prints_as_a_table_and_compares_with_the_agents_json():
    model, x, _ = two_layers()
    found = fisherwatch.exact(model, x)
    assert [line.split()[0] for line in repr(found).splitlines()[1:]] == ["layer", "_total", "0", "3"]
    layer = {"layer": "_total", "trace": dict.fromkeys(("lower", "fisher", "upper", "empirical"))}
    layer["trace"]["fisher"] = {"value": found.layers["_total"].fisher + 0.5, "standardError": 0.25}
    layer["trace"]["lower"] = {"value": 1.0, "standardError": None}
    lower, fisher = found.compare({"layers": [layer]})
    assert fisher.estimate == "fisher" and fisher.z == pytest.approx(2) and lower.z is None
    layer["trace"]["fisher"]["standardError"] = 1e-9  # rounding, not randomness
    assert found.compare({"layers": [layer]})[1].z is None
    with pytest.raises(ValueError, match="elsewhere"):
        found.compare({"layers": [{**layer, "layer": "elsewhere"}]})


def test_two_tensors_on_one_storage_are_one_parameter():
    torch.manual_seed(4)
    tied, apart = (nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh(), nn.Linear(3, 3, bias=False)) for _ in range(2))
    tied[2].weight = tied[0].weight
    apart[0].weight, apart[2].weight = tied[0].weight, nn.Parameter(tied[0].weight.data)
    x = torch.randn(4, 3)
    one, two = (fisherwatch.exact(model, x) for model in (tied, apart))
    assert one.aliases == two.aliases == {"2.weight": "0.weight"}
    assert two.layers["_total"].fisher == pytest.approx(one.layers["_total"].fisher, rel=1e-12)
