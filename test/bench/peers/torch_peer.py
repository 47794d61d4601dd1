"""PyTorch's side of the bench: reads requests as JSON lines on standard input and answers each with one line (see ../protocol.ts)."""

import fnmatch
import json
import math
import struct
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

DTYPES = {"F32": numpy.float32, "I64": numpy.int64}


def read_safetensors(path):
    """All tensors of a file by name."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    start = 8 + length
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        array = numpy.frombuffer(content[start + begin : start + end], DTYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return tensors


def linear(tensors, name, transposed):
    """A dense layer; `transposed` weights lie as [in, out] in the file."""
    weight = tensors[name + ".weight"]
    if transposed:
        weight = weight.t().contiguous()
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight = nn.Parameter(weight)
    layer.bias = nn.Parameter(tensors[name + ".bias"])
    return layer


def layer_norm(tensors, name):
    layer = nn.LayerNorm(tensors[name + ".weight"].shape[0], eps=1e-5)
    layer.weight = nn.Parameter(tensors[name + ".weight"])
    layer.bias = nn.Parameter(tensors[name + ".bias"])
    return layer


class Mlp(nn.Module):
    def __init__(self, tensors, sizes):
        super().__init__()
        for i in range(sizes["layers"]):
            setattr(self, f"fc{i + 1}", linear(tensors, f"fc{i + 1}", False))
        self.layers = sizes["layers"]

    def forward(self, x):
        for i in range(1, self.layers):
            x = functional.relu(getattr(self, f"fc{i}")(x))
        return getattr(self, f"fc{self.layers}")(x)


class Cnn(nn.Module):
    def __init__(self, tensors, sizes):
        super().__init__()
        for name in ("conv1", "conv2"):
            weight = tensors[name + ".weight"]
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            layer.weight = nn.Parameter(weight)
            layer.bias = nn.Parameter(tensors[name + ".bias"])
            setattr(self, name, layer)
        self.fc1 = linear(tensors, "fc1", False)
        self.fc2 = linear(tensors, "fc2", False)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        return self.fc2(functional.relu(self.fc1(torch.flatten(x, 1))))


class Block(nn.Module):
    def __init__(self, tensors, prefix, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = layer_norm(tensors, prefix + ".norm1")
        self.norm2 = layer_norm(tensors, prefix + ".norm2")
        for name in ("qkv", "out", "up", "down"):
            setattr(self, name, linear(tensors, f"{prefix}.{name}", True))

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = torch.softmax((q @ k.transpose(-2, -1)) * (1 / math.sqrt(width // self.heads)), -1)
        x = x + self.out((scores @ v).transpose(1, 2).reshape(batch, tokens, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, tensors, sizes):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(tensors["embedding.weight"], freeze=False)
        self.position = nn.Parameter(tensors["position"])
        self.layers = nn.ModuleList(Block(tensors, f"layers.{i}", sizes["heads"]) for i in range(sizes["layers"]))
        self.norm = layer_norm(tensors, "norm")
        self.head = linear(tensors, "head", False)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))


class OnnxModel(nn.Module):
    """A model built from the nodes of an ONNX file: convolutions, activations, pooling and dense layers."""

    def __init__(self, tensors, path):
        super().__init__()
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(path).graph
        self.constants = {}
        self.weight_names = []
        self.weights = nn.ParameterList()
        for tensor in graph.initializer:
            if tensors[tensor.name].is_floating_point():
                self.weight_names.append(tensor.name)
                self.weights.append(nn.Parameter(tensors[tensor.name]))
            else:
                self.constants[tensor.name] = tensors[tensor.name]
        self.input = next(i.name for i in graph.input if i.name not in tensors)
        self.output = graph.output[0].name
        self.nodes = []
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                self.constants[node.output[0]] = torch.from_numpy(numpy_helper.to_array(attributes["value"]).copy())
                continue
            if node.op_type not in OPERATORS:
                raise ValueError(f"this peer has no operator {node.op_type}")
            self.nodes.append((OPERATORS[node.op_type], list(node.input), node.output[0], attributes))

    def split(self):
        """Nodes that nothing trainable acts on, those behind them, and the values that the latter read of the former."""
        trainable = {name for name, weight in zip(self.weight_names, self.weights) if weight.requires_grad}
        before, behind, reads = [], [], set()
        for node in self.nodes:
            moving = any(name in trainable for name in node[1])
            (behind if moving else before).append(node)
            if moving:
                trainable.add(node[2])
                reads.update(name for name in node[1] if name not in trainable)
        return before, behind, reads

    def forward(self, x):
        return self.run(self.nodes, {self.input: x})[self.output]

    def run(self, nodes, values):
        values = {**self.constants, **dict(zip(self.weight_names, self.weights)), **values}
        for operator, inputs, output, attributes in nodes:
            values[output] = operator(attributes, *[values[name] for name in inputs])
        return values


def convolution(attributes, x, weight, bias=None):
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        x, top, left = functional.pad(x, (left, right, top, bottom)), 0, 0
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    return functional.conv2d(x, weight, bias, strides, (top, left), dilations, attributes.get("group", 1))


def gemm(attributes, a, b, c=None):
    a = a.t() if attributes.get("transA") else a
    return functional.linear(a, b if attributes.get("transB") else b.t(), c)


def reduce_mean(attributes, x, axes=None):
    axes = attributes.get("axes") if axes is None else axes.tolist()
    return x.mean(list(axes), keepdim=bool(attributes.get("keepdims", 1)))


OPERATORS = {
    "Conv": convolution,
    "Relu": lambda _, x: functional.relu(x),
    "Add": lambda _, a, b: a + b,
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdim=True),
    "ReduceMean": reduce_mean,
    "Flatten": lambda attributes, x: torch.flatten(x, attributes.get("axis", 1)),
    "Reshape": lambda _, x, shape: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())]),
    "Gemm": gemm,
    "Identity": lambda _, x: x,
}


def is_frozen(name, rules):
    frozen = False
    for rule in rules:
        if fnmatch.fnmatchcase(name, rule.lstrip("!")):
            frozen = not rule.startswith("!")
    return frozen


def named_weights(model):
    """Parameters by their name in the file."""
    return zip(model.weight_names, model.weights) if isinstance(model, OnnxModel) else model.named_parameters()


MODELS = {"mlp": Mlp, "cnn": Cnn, "transformer": Transformer}


class Training:
    """A model, its optimizer and the batches that it is trained on."""

    def __init__(self, task):
        torch.set_num_threads(task["threads"])
        tensors = read_safetensors(task["tensors"])
        self.samples, self.labels = tensors.pop("samples"), tensors.pop("labels")
        kind = MODELS.get(task["kind"])
        self.model = OnnxModel(tensors, task["model"]) if kind is None else kind(tensors, task["sizes"])
        for name, parameter in named_weights(self.model):
            parameter.requires_grad_(not is_frozen(name, task["freeze"]))
        self.batch_size, self.step = task["batchSize"], 0
        settings = task["optimizer"]
        rule = torch.optim.AdamW if settings["type"] == "adamw" else torch.optim.Adam
        self.optimizer = rule(
            [p for p in self.model.parameters() if p.requires_grad],
            lr=settings["learningRate"],
            betas=settings["betas"],
            eps=settings["epsilon"],
            weight_decay=settings["weightDecay"],
        )

    def run(self, steps):
        losses = []
        start = time.perf_counter()
        for _ in range(steps):
            at = self.step * self.batch_size % len(self.samples)
            self.optimizer.zero_grad(set_to_none=True)
            loss = functional.cross_entropy(self.model(self.samples[at : at + self.batch_size]), self.labels[at : at + self.batch_size])
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            self.step += 1
        return {"losses": losses, "milliseconds": (time.perf_counter() - start) * 1000}


def train_whole(task, epochs, cached, peer_epochs):
    """Trains from the start in file order, the frozen part without gradients; answers the first losses and the time of all epochs."""
    training = Training(task)
    model, samples, labels, size = training.model, training.samples, training.labels, training.batch_size
    before, behind, reads = model.split()
    reads = [name for name in reads if name not in model.weight_names and name not in model.constants]
    losses = []

    def features(at):
        with torch.no_grad():
            values = model.run(before, {model.input: samples[at : at + size]})
            return {name: values[name] for name in reads}

    start = time.perf_counter()
    batches = range(0, len(samples), size)
    kept = {at: features(at) for at in batches} if cached else None
    measured = epochs if cached else peer_epochs
    for _ in range(measured):
        for at in batches:
            training.optimizer.zero_grad(set_to_none=True)
            values = kept[at] if cached else features(at)
            loss = functional.cross_entropy(model.run(behind, values)[model.output], labels[at : at + size])
            loss.backward()
            training.optimizer.step()
            losses.append(loss.item())
    return {"losses": losses[:10], "milliseconds": (time.perf_counter() - start) * 1000 * epochs / measured}


def main():
    training, task = None, None
    for line in sys.stdin:
        request = json.loads(line)
        verb, body = request["verb"], request["body"]
        try:
            if verb == "prepare":
                start = time.perf_counter()
                task, training = body, None if body["onlyWhole"] else Training(body)
                milliseconds = (time.perf_counter() - start) * 1000
                reply = {"description": f"PyTorch {torch.__version__}", "milliseconds": milliseconds}
            elif verb == "whole":
                reply = train_whole(task, body["epochs"], body["cached"], body["peerEpochs"])
            else:
                reply = training.run(body["steps"])
            print(json.dumps({"body": reply}), flush=True)
        except Exception as error:  # The reason becomes the cell of the table.
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)


main()
