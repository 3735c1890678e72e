"""Real trainings, watched by the real agent through the real broker."""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import packages
import pytest
import safetensors.torch
import topic
import torch
from installation import Installation, until
from torch import nn

import fisherwatch

pytestmark = pytest.mark.agent
CLASSES = len(packages.SECTIONS)

# These trainings are so short that the worker thread would drop much of them; that it does is tested elsewhere.
ROOM: dict[str, Any] = {"checkpoints_in_flight": 4, "queue_size": 256}


def watched(installation: Installation, model: nn.Module, run: str, **options: Any) -> fisherwatch.Watch:
    return fisherwatch.watch(
        model,
        run=run,
        store=installation.store,
        bootstrap_servers=installation.bootstrap_servers,
        agent=installation.url,
        strict=True,
        **{**ROOM, **options},
    )


def last_checkpoint(events: list[topic.Received]) -> tuple[topic.Received, list[topic.Received]]:
    """The last checkpoint that batches follow, and these."""
    groups: list[tuple[topic.Received, list[topic.Received]]] = []
    for event in events:
        if event.kind == "checkpoint":
            groups.append((event, []))
        elif event.kind == "batch":
            groups[-1][1].append(event)
    return [group for group in groups if group[1]][-1]


def assert_agent_agrees(installation: Installation, run: str, model: nn.Module, batches: int) -> None:
    """With decay 0 the agent's figures are those of the last checkpoint and the batches behind it: do they again."""
    shown = installation.run(run, lambda answer: answer["ended"] and answer["effectiveBatches"] >= batches - 1e-9)
    checkpoint, behind = last_checkpoint(topic.read(installation.bootstrap_servers, run))
    assert len(behind) == batches
    model = copy.deepcopy(model).eval()
    weights = safetensors.torch.load_file(topic.path_of(checkpoint.body["weights"]))
    model.load_state_dict(weights, strict=False)
    assert set(weights) >= {name for name, _ in model.named_parameters()}

    traces: dict[str, float] = defaultdict(float)
    examples = sum(len(batch.tensors["labels"]) for batch in behind)
    for batch in behind:
        inputs = {name: batch.tensors[name] for name in checkpoint.body["inputs"]}
        own = fisherwatch.exact(model, inputs if len(inputs) > 1 else next(iter(inputs.values())))
        for layer, figures in own.layers.items():
            traces[layer] += figures.fisher * len(batch.tensors["labels"]) / examples
    assert {layer["layer"] for layer in shown["layers"]} >= set(traces)
    for layer in shown["layers"]:
        figure, exact = layer["trace"]["fisher"], traces.get(layer["layer"], 0.0)
        bound = 4 * (figure["standardError"] or 0.0) + 1e-4 * traces["_total"]
        assert abs(figure["value"] - exact) < bound, (layer["layer"], figure, exact)
        if layer["layer"] == "_total":
            assert figure["value"] == pytest.approx(exact, rel=0.02)


def test_distilbert_in_a_plain_loop(installation: Installation) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(11)
    config = transformers.DistilBertConfig(
        vocab_size=packages.WORDS, dim=32, hidden_dim=64, n_layers=2, n_heads=2, num_labels=CLASSES,
        max_position_embeddings=packages.LONGEST,
    )  # fmt: skip
    model = transformers.DistilBertForSequenceClassification(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with watched(installation, model, "distilbert") as watch:
        for step, batch in enumerate(packages.batches(16, 100)):
            if step % 50 == 0:
                watch.checkpoint(step)
            if step % 10 == 0:
                watch.batch(batch, step=step)
            optimizer.zero_grad()
            model(**batch).loss.backward()
            optimizer.step()
    assert watch.stats().delivered == {"checkpoint": 2, "batch": 10, "run-ended": 1} and watch.dropped == 0
    assert_agent_agrees(installation, "distilbert", model, batches=5)


def test_bert_in_hugging_face_trainer(installation: Installation, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from fisherwatch.huggingface import FisherwatchCallback

    torch.manual_seed(12)
    config = transformers.BertConfig(
        vocab_size=packages.WORDS, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_labels=CLASSES, max_position_embeddings=packages.LONGEST,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    callback = FisherwatchCallback(
        run="bert", store=installation.store, bootstrap_servers=installation.bootstrap_servers, agent=installation.url,
        strict=True, checkpoint_every=60, batch_every=10, **ROOM,
    )  # fmt: skip
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=100, per_device_train_batch_size=8, gradient_accumulation_steps=2,
        learning_rate=1e-3, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True, bf16=True,
        eval_strategy="steps", eval_steps=50, per_device_eval_batch_size=64,
    )  # fmt: skip
    data = packages.descriptions()
    transformers.Trainer(
        model,
        arguments,
        data_collator=packages.encode,
        train_dataset=data,
        eval_dataset=data[:16],
        callbacks=[callback],
    ).train()
    assert callback.watch is not None
    stats = callback.watch.stats()
    assert stats.delivered == {"checkpoint": 2, "batch": 10, "run-ended": 1} and not stats.dropped
    events = topic.read(installation.bootstrap_servers, "bert")
    assert [event.step for event in events if event.kind == "batch"] == list(range(0, 100, 10))
    assert all(len(event.tensors["labels"]) == 8 for event in events if event.kind == "batch")
    assert not model._forward_pre_hooks
    assert_agent_agrees(installation, "bert", model, batches=4)


class Strokes(nn.Module):
    """A small convolutional net with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU())
        self.head = nn.Linear(6, 3)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.features(image)
        return {"features": features, "scores": self.head(features.mean((2, 3)))}


def images(size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Bars, blobs and noise."""
    labels = torch.randint(3, (size,), generator=generator)
    image = 0.3 * torch.randn(size, 1, 8, 8, generator=generator)
    image[labels == 0, :, :, 2:4] += 1
    image[labels == 1, :, 3:6, 3:6] += 1
    return image, labels


def test_a_convolutional_net_under_autocast_with_large_batches_in_files(installation: Installation) -> None:
    torch.manual_seed(13)
    model, generator = Strokes(), torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options: dict[str, Any] = {"logits": "scores", "every": 10, "inline_limit": 1000, "max_examples": 24}
    with watched(installation, model, "conv", **options) as watch:
        for step in range(50):
            image, labels = images(32, generator)
            if step == 20:
                watch.checkpoint(step)
            watch.batch(image, labels, step=step)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = nn.functional.cross_entropy(model(image)["scores"], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    shown = installation.run("conv", lambda answer: answer["ended"] and answer["effectiveBatches"] >= 3 - 1e-9)
    checkpoint, behind = last_checkpoint(topic.read(installation.bootstrap_servers, "conv"))
    assert (checkpoint.step, [event.step for event in behind]) == (20, [20, 30, 40])
    model.load_state_dict(safetensors.torch.load_file(topic.path_of(checkpoint.body["weights"])))
    model.eval()
    tensors = [safetensors.torch.load_file(topic.path_of(event.body)) for event in behind]
    image = torch.cat([batch["image"] for batch in tensors])
    assert image.shape[0] == 3 * 24
    exact = {n: f.fisher for n, f in fisherwatch.exact(model, image, logits="scores").layers.items()}
    for layer in shown["layers"]:
        figure = layer["trace"]["fisher"]
        bound = 4 * (figure["standardError"] or 0.0) + 1e-4 * exact["_total"]
        assert abs(figure["value"] - exact[layer["layer"]]) < bound, (layer["layer"], figure, exact)


def test_lightning(installation: Installation, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")
    from fisherwatch.lightning import FisherwatchCallback

    class Classifier(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.net(image)

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    torch.manual_seed(14)
    module = Classifier()
    data = torch.utils.data.TensorDataset(*images(480, torch.Generator().manual_seed(2)))
    callback = FisherwatchCallback(
        run="lightning", store=installation.store, bootstrap_servers=installation.bootstrap_servers,
        agent=installation.url, strict=True, checkpoint_every=30, batch_every=10, **ROOM,
    )  # fmt: skip
    lightning.Trainer(
        accelerator="cpu", max_steps=50, accumulate_grad_batches=2, callbacks=[callback], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=str(tmp_path),
    ).fit(module, torch.utils.data.DataLoader(data, batch_size=16, num_workers=2))  # fmt: skip
    assert callback.watch is not None
    stats = callback.watch.stats()
    assert stats.delivered == {"checkpoint": 2, "batch": 5, "run-ended": 1} and not stats.dropped
    assert_agent_agrees(installation, "lightning", module, batches=2)


def test_broker_and_agent_are_killed_and_come_back(installation: Installation) -> None:
    torch.manual_seed(15)
    model, generator = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), torch.Generator().manual_seed(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = watched(installation, model, "killed", keep=50)
    longest, step = 0.0, 0

    def train(steps: int) -> None:
        nonlocal longest, step
        for _ in range(steps):
            image, labels = images(16, generator)
            began = time.perf_counter()
            if step % 10 == 0 and watch._free:
                watch.checkpoint(step)
            if step:  # the first brings the export
                watch.batch(image, labels, step=step)
                longest = max(longest, time.perf_counter() - began)
            else:
                watch.batch(image, labels, step=step)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(image), labels).backward()
            optimizer.step()
            time.sleep(0.02)
            step += 1

    train(30)
    installation.run("killed", lambda answer: answer["step"] >= 10)
    installation.kill("broker")
    installation.kill("agent")
    train(100)
    assert watch.stats().unacknowledged > 0
    installation.start_broker()
    train(50)
    installation.start_agent()
    train(50)
    watch.close(timeout=30)
    stats = watch.stats()
    assert not stats.dropped and stats.delivered == {"checkpoint": 23, "batch": 230, "run-ended": 1}
    assert longest < 1.0, f"a step was held up for {longest:.2f} s"
    shown = installation.run("killed", lambda answer: answer["ended"], 90)
    assert (shown["step"], shown["batchStep"]) == (229, 229)


def test_deleted_files_cost_only_their_checkpoint(installation: Installation) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    image, labels = images(16, torch.Generator().manual_seed(4))
    watch = watched(installation, model, "deleted", example_inputs=image)
    folder = installation.store / "deleted"
    installation.kill("agent")
    watch.batch(image, labels, step=0)
    until("the checkpoint is written", lambda: list(folder.glob("step-0-*")))
    until("the batch is sent", lambda: watch.stats().delivered == {"checkpoint": 1, "batch": 1})
    next(folder.glob("step-0-*")).unlink()
    watch.checkpoint(1)
    watch.batch(image, labels, step=1)
    watch.close()
    installation.start_agent()
    shown = installation.run("deleted", lambda answer: answer["ended"])
    assert (shown["step"], shown["effectiveBatches"], shown["examples"]) == (1, 1.0, 16)
    assert "file-not-found" in installation.log("agent") and not watch.dropped


def test_files_go_when_the_agents_snapshots_are_past_them(installation: Installation) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    image, labels = images(16, torch.Generator().manual_seed(5))
    folder = installation.store / "pruned"
    with watched(installation, model, "pruned", keep=50) as watch:
        step = 0

        def first_is_gone() -> bool:  # snapshots follow events, so events go on
            nonlocal step
            if watch._free:
                watch.checkpoint(step)
                watch.batch(image, labels, step=step)
                step += 1
            time.sleep(0.5)
            return not list(folder.glob("step-0-*")) and step > 2

        watch.batch(image, labels, step=0)
        until("files go", first_is_gone)
        durable = installation.get("/api/runs/pruned")["durableStep"]
    left = {int(path.stem.split("-")[1]) for path in folder.glob("step-*")}
    assert durable > 0 and set(range(durable, step)) <= left
