"""Reading back: from answers made here, and from a real agent (the demo), which needs the built jar and Java."""

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save
from torch import nn

import fisherwatch

REPOSITORY = Path(__file__).resolve().parents[4]
MODELS = REPOSITORY / "src/test/resources/models"
EXAMPLES = REPOSITORY / "src/main/python/examples"
STEPS = 40


@contextlib.contextmanager
def answering(pages):
    """A server of pages by path, each (status, content type, body); with a body of None it breaks off."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, kind, body = pages.get(self.path, (404, "text/plain", b"nothing"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(100 if body is None else len(body)))
            self.end_headers()
            self.wfile.write(b"half" if body is None else body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def ok(value):
    return 200, "application/json", json.dumps(value).encode()


def pages_of(tensors, **others):
    body = tensors if isinstance(tensors, (bytes, type(None))) else save(tensors)
    return {
        "/api/runs": ok([{"run": "a b"}]),
        "/api/runs/a%20b": ok({"run": "a b", "parameters": 20}),
        "/api/runs/a%20b/diagonal.safetensors": (200, "application/vnd.safetensors", body),
        **others,
    }


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.decoder = nn.Linear(3, 5)
        self.decoder.weight = self.embed.weight


def tied_tensors():
    return {"fisher/decoder.weight": torch.rand(5, 3), "fisher/decoder.bias": torch.rand(5)}


def test_a_diagonal_is_fitted_to_the_model():
    tensors = tied_tensors()
    with answering(pages_of(tensors)) as agent:
        plain = fisherwatch.diagonal("a b", agent=agent)
        fitted = fisherwatch.diagonal("a b", agent=agent, model=Tied())
    assert set(plain) == {"decoder.weight", "decoder.bias"}
    assert set(fitted) == set(Tied().state_dict())
    assert fitted["embed.weight"] is fitted["decoder.weight"]
    assert torch.equal(fitted["embed.weight"], tensors["fisher/decoder.weight"])


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"fisher/other.weight": torch.zeros(2)}, "no parameter 'other.weight'"),
        ({"fisher/decoder.bias": torch.zeros(5)}, "watches no parameter 'embed.weight'"),
        ({**tied_tensors(), "fisher/decoder.bias": torch.zeros(4)}, r"\[4\] in run 'a b' and \[5\]"),
    ],
)
def test_a_diagonal_of_another_model_is_refused(tensors, message):
    with answering(pages_of(tensors)) as agent, pytest.raises(ValueError, match=message):
        fisherwatch.diagonal("a b", agent=agent, model=Tied())


def test_a_frozen_parameter_needs_no_entry():
    model = Tied()
    model.decoder.bias.requires_grad_(False)
    tensors = {"fisher/embed.weight": torch.rand(5, 3)}
    with answering(pages_of(tensors)) as agent:
        assert set(fisherwatch.diagonal("a b", agent=agent, model=model)) == {"embed.weight", "decoder.weight"}


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (save(tied_tensors())[:-1], fisherwatch.AgentError, "no whole safetensors file"),
        (b"<html>", fisherwatch.AgentError, "no whole safetensors file"),
        (None, fisherwatch.AgentUnreachableError, "broke off"),
    ],
)
def test_a_damaged_diagonal_is_refused(body, error, message):
    with answering(pages_of(body)) as agent, pytest.raises(error, match=message):
        fisherwatch.diagonal("a b", agent=agent)


def test_an_answer_that_does_not_end_is_cut(monkeypatch):
    monkeypatch.setattr(fisherwatch._read, "_HEADER", 10)
    endless = pages_of(bytes(300))
    with answering(endless) as agent, pytest.raises(fisherwatch.AgentError, match="more than the 170 bytes"):
        fisherwatch.diagonal("a b", agent=agent)


def test_a_run_without_a_diagonal_is_not_an_unknown_run():
    problem = {"title": "Not Found", "status": 404, "detail": "run 'a b' keeps no diagonal"}
    missing = (404, "application/problem+json", json.dumps(problem).encode())
    with answering(pages_of({}, **{"/api/runs/a%20b/diagonal.safetensors": missing})) as agent:
        with pytest.raises(fisherwatch.AgentError, match="keeps no diagonal") as caught:
            fisherwatch.diagonal("a b", agent=agent)
        assert not isinstance(caught.value, fisherwatch.UnknownRunError)
        with pytest.raises(fisherwatch.UnknownRunError, match="no run 'c'; it knows a b"):
            fisherwatch.figures("c", agent=agent)


def test_another_server_is_recognised():
    page = 200, "text/html", b"<html>"
    with answering({"/api/runs": page}) as agent, pytest.raises(fisherwatch.AgentError, match="agent of Fisherwatch"):
        fisherwatch.runs(agent=agent)


def test_no_agent_says_what_would_be_right():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(fisherwatch.AgentUnreachableError, match=rf"{address} .*refused.*web\.port"):
            fisherwatch.runs(agent=address)


@pytest.mark.parametrize("address", ["localhost:8080", "file:///etc/passwd", ""])
def test_an_address_is_one_of_http(address):
    with pytest.raises(ValueError, match="right would be"):
        fisherwatch.runs(agent=address)


def test_no_proxy_stands_before_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with answering(pages_of({})) as agent:
        assert fisherwatch.runs(agent=agent) == ["a b"]


@contextlib.contextmanager
def guarded(pages, token, context=None):
    """A server that answers 401 without the token; a page that is an address leads there. Gives what it was shown."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers["Authorization"])
            if self.headers["Authorization"] != f"Bearer {token}":
                body, kind, status = b'{"detail": "credentials are missing or wrong"}', "application/problem+json", 401
            elif isinstance(pages.get(self.path), str):
                self.send_response(302)
                self.send_header("Location", pages[self.path])
                self.end_headers()
                return
            else:
                status, kind, body = pages[self.path]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_token_is_given_where_it_is_asked_for_and_nowhere_else(monkeypatch):
    monkeypatch.delenv("FISHERWATCH_TOKEN", raising=False)
    with guarded(pages_of({}), "s3cret") as (agent, _):
        with pytest.raises(fisherwatch.AgentError, match="credentials are missing or wrong; give the token .*token="):
            fisherwatch.runs(agent=agent)
        with pytest.raises(fisherwatch.AgentError, match="FISHERWATCH_TOKEN") as error:
            fisherwatch.figures("a b", agent=agent, token="s3cert")
        assert "s3c" not in str(error.value)
        assert fisherwatch.runs(agent=agent, token="s3cret") == ["a b"]
        monkeypatch.setenv("FISHERWATCH_TOKEN", "s3cret\n")
        assert fisherwatch.runs(agent=agent) == ["a b"]
    with guarded({}, "s3cret") as (other, asked):
        monkeypatch.setenv("FISHERWATCH_TOKEN", "s3cret")
        leads = guarded({"/api/runs": other + "/api/runs"}, "s3cret")
        with leads as (agent, _), pytest.raises(fisherwatch.AgentError, match="credentials"):
            fisherwatch.runs(agent=agent)
        assert asked == [None]
    with pytest.raises(ValueError, match="token holds") as error:
        fisherwatch.runs(token="s3c ret")
    assert "s3c" not in str(error.value)


def test_a_certificate_is_checked_against_the_authority_given(tmp_path):
    if shutil.which("openssl") is None:
        assert not os.environ.get("FISHERWATCH_CI"), "openssl, which makes the certificate, is missing"
        pytest.skip("openssl, which makes the certificate, is missing")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=agent",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with guarded(pages_of({}), "s3cret", context) as (agent, _):
        with pytest.raises(fisherwatch.AgentUnreachableError, match="certificate .* not trusted .*ca="):
            fisherwatch.runs(agent=agent, token="s3cret")
        assert fisherwatch.runs(agent=agent, token="s3cret", ca=certificate) == ["a b"]
    with pytest.raises(ValueError, match="file of PEM certificates"):
        fisherwatch.runs(ca=key)


def jar():
    """The built jar; without it or Java the test is skipped, but fails under FISHERWATCH_CI=1."""
    path = Path(os.environ.get("FISHERWATCH_JAR", REPOSITORY / "target/fisherwatch.jar"))
    missing = f"{path} is not there; build it with mvn -DskipTests package" if not path.is_file() else ""
    missing = missing or ("" if shutil.which("java") else "Java is not installed")
    if missing and os.environ.get("FISHERWATCH_CI") == "1":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


Demo = namedtuple("Demo", "address process folder")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo whose training is over."""
    port, folder = free_port(), tmp_path_factory.mktemp("demo")
    command = ["java", "-jar", str(jar()), "demo", "--steps", str(STEPS), "--port", str(port), "--state", str(folder)]
    with (folder.parent / "demo.log").open("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            address, until = f"http://127.0.0.1:{port}", time.monotonic() + 180
            while not ended(address):
                log.seek(0)
                assert process.poll() is None and time.monotonic() < until, log.read()
                time.sleep(0.5)
            yield Demo(address, process, folder)
        finally:
            process.terminate()
            process.wait(30)


def ended(address):
    try:
        return fisherwatch.runs(agent=address) == ["digits"] and fisherwatch.figures("digits", agent=address).ended
    except fisherwatch.AgentUnreachableError:
        return False


class Digits(nn.Module):
    """The demo's network, by the names and shapes of its parameters."""

    def __init__(self):
        super().__init__()
        self.strokes = nn.Conv2d(1, 12, 3)
        self.shapes = nn.Conv2d(12, 24, 3)
        self.hidden = nn.Linear(384, 32)
        self.head = nn.Linear(32, 10)


@pytest.mark.agent
def test_figures_history_and_diagonal_of_a_real_run_agree(demo):
    agent = demo.address
    figures = fisherwatch.figures("digits", agent=agent)
    trace = figures.layers["_total"].trace["fisher"]
    assert (figures.step, figures.classes, figures.ended) == (STEPS, 10, True)
    assert trace.interval[0] < trace.value < trace.interval[1] and trace.standard_error > 0
    history = fisherwatch.history("digits", agent=agent)
    last = history.layer("_total")[-1]
    assert (last.step, last.fisher, last.fisher_error) == (STEPS, trace.value, trace.standard_error)
    assert history[0].step == 0 and history[0].fisher_error is None
    assert all(row.lower <= row.fisher <= row.upper for row in history)
    diagonal = fisherwatch.diagonal("digits", agent=agent, model=Digits())
    assert list(diagonal) == list(Digits().state_dict())
    assert float(sum(d.sum() for d in diagonal.values())) == pytest.approx(trace.value, rel=1e-5)
    for name, layer in figures.layers.items():
        own = [d.sum() for parameter, d in diagonal.items() if name in ("_total", parameter.rpartition(".")[0])]
        assert float(sum(own)) == pytest.approx(layer.trace["fisher"].value, rel=1e-5)
    errors = fisherwatch.diagonal("digits", agent=agent, estimate="standard-error")
    assert errors["head.bias"].shape == (10,) and (errors["head.bias"] > 0).all()
    with pytest.raises(ValueError, match="no diagonal of 'lower', but of fisher"):
        fisherwatch.diagonal("digits", agent=agent, estimate="lower")


@pytest.mark.agent
def test_a_history_is_narrowed_and_becomes_a_table(demo):
    agent = demo.address
    history = fisherwatch.history("digits", layers=["head", "_total"], points=3, agent=agent)
    assert history.layers == ["_total", "head"] and len(history) == 6
    assert [row.step for row in history.layer("head")][::2] == [0, STEPS]
    assert history.to_dict()["layer"] == ["_total", "head"] * 3
    with pytest.raises(KeyError, match="strokes.*_total, head"):
        history.layer("strokes")
    pandas = pytest.importorskip("pandas")
    table = history.to_pandas()
    assert isinstance(table, pandas.DataFrame) and table.fisher.tolist() == [row.fisher for row in history]
    with pytest.raises(fisherwatch.AgentError, match="at least 2"):
        fisherwatch.history("digits", points=1, agent=agent)


@pytest.mark.agent
@pytest.mark.parametrize("name", ["pruning.py", "elastic_weight_consolidation.py"])
def test_examples_take_the_diagonal_of_a_run(demo, name):
    (weights,) = demo.folder.glob(f"checkpoints/*/step-{STEPS}.safetensors")
    command = [sys.executable, EXAMPLES / name, "--agent", demo.address, "--run", "digits", "--weights", weights]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    if name == "pruning.py":
        for line in done.stdout.splitlines()[2:6]:  # up to 70 %
            by_magnitude, by_fisher = map(float, line.split()[1:3])
            assert by_fisher < by_magnitude, line
    else:
        forgotten, _, kept = (float(line.split()[-2][:-1]) for line in done.stdout.splitlines()[2:])
        assert kept > forgotten + 20


@pytest.mark.agent
def test_the_page_on_reading_runs(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (REPOSITORY / "docs/reading.md").read_text().replace("http://127.0.0.1:8088", demo.address)
    blocks = re.findall(r"```(python|sh)\n(.*?)```", page, re.DOTALL)
    assert [language for language, _ in blocks].count("sh") == 1
    names = {}
    for language, text in blocks:
        if language == "python":
            exec(compile(text, "docs/reading.md", "exec"), names)
        else:
            subprocess.run(text.replace("target/fisherwatch.jar", str(jar())), shell=True, check=True, timeout=120)
    assert {d.estimate for d in names["differences"]} == {"lower", "fisher", "upper", "empirical"}
    assert any(d.z is not None for d in names["differences"])


@pytest.mark.agent
def test_unknown_runs_and_an_agent_that_is_gone(demo):
    agent, process = demo.address, demo.process
    for read in (fisherwatch.figures, fisherwatch.history, fisherwatch.diagonal):
        with pytest.raises(fisherwatch.UnknownRunError, match="no run 'digits-2'; it knows digits"):
            read("digits-2", agent=agent)
    process.terminate()  # the last test of the demo
    process.wait(30)
    for read in (fisherwatch.figures, fisherwatch.history, fisherwatch.diagonal):
        with pytest.raises(fisherwatch.AgentUnreachableError, match="no agent answers"):
            read("digits", agent=agent)


@pytest.mark.agent
@pytest.mark.parametrize("kind", ["mlp", "conv-batchnorm", "tokens-ignored-labels", "tied-tensor", "gaussian"])
def test_estimate_agrees_with_exact(kind):
    folder = MODELS / kind
    case = json.loads((folder / "case.json").read_text())
    line = ["--graph", folder / "graph.pt", "--batch", folder / "batch.safetensors", "--estimator", "exact"]
    line += ["--inputs", ",".join(case["inputs"]), "--likelihood", case.get("likelihood", "categorical")]
    line += ["--sigma", str(case["sigma"])] if "sigma" in case else []
    command = ["java", "-jar", jar(), "estimate", "--device", "cpu", "--quiet", *line]
    theirs = json.loads(subprocess.run(list(map(str, command)), capture_output=True, check=True, timeout=120).stdout)
    tensors = load_file(folder / "batch.safetensors")
    options = {"likelihood": case.get("likelihood", "categorical"), "sigma": case.get("sigma", 1.0)}
    graph = torch.jit.load(str(folder / "graph.pt"))
    batch = tuple(tensors[name] for name in case["inputs"])
    exact = fisherwatch.exact(graph, batch, labels=tensors.get("labels"), **options)
    differences = exact.compare(theirs)
    assert {d.layer for d in differences} == set(exact.layers)
    assert {"lower", "fisher", "upper"} <= {d.estimate for d in differences}
    for difference in differences:
        assert difference.agent == pytest.approx(difference.exact, rel=1e-4), difference
