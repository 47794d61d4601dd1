"""Twenty steps of each case of compare.ts with PyTorch, or with the paper's formula in float64 where PyTorch has no such optimizer.

Reads the cases as JSON from standard input and writes weights and learning rates by case to standard output.
"""

import json
import math
import sys

try:
    import torch
except ImportError:
    torch = None


def torch_optimizer(settings, groups):
    kind = settings["type"]
    common = {"lr": settings["learningRate"], "weight_decay": settings["weightDecay"]}
    if kind == "sgd":
        return torch.optim.SGD(
            groups, momentum=settings["momentum"], dampening=settings["dampening"], nesterov=settings["nesterov"], **common
        )
    if kind in ("adam", "adamw"):
        make = torch.optim.Adam if kind == "adam" else torch.optim.AdamW
        return make(groups, betas=settings["betas"], eps=settings["epsilon"], **common)
    if kind == "rmsprop":
        return torch.optim.RMSprop(
            groups, alpha=settings["alpha"], eps=settings["epsilon"], momentum=settings["momentum"], centered=settings["centered"], **common
        )
    return torch.optim.Adagrad(
        groups,
        lr_decay=settings["learningRateDecay"],
        initial_accumulator_value=settings["initialAccumulator"],
        eps=settings["epsilon"],
        **common,
    )


def torch_schedule(optimizer, schedule, rate, steps):
    """The scheduler for the steps behind a warm-up."""
    scheduler = torch.optim.lr_scheduler
    kind = schedule["type"]
    if kind == "constant":
        return scheduler.ConstantLR(optimizer, factor=1, total_iters=0)
    if kind == "cosine":
        return scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=schedule["minimum"])
    if kind == "linear":
        return scheduler.LinearLR(optimizer, start_factor=1, end_factor=schedule["minimum"] / rate, total_iters=steps)
    if kind == "step":
        return scheduler.StepLR(optimizer, step_size=schedule["every"], gamma=schedule["factor"])
    if kind == "oneCycle":
        return scheduler.OneCycleLR(
            optimizer,
            max_lr=rate,
            total_steps=steps,
            pct_start=schedule["peak"],
            div_factor=schedule["startDivisor"],
            final_div_factor=schedule["endDivisor"],
            cycle_momentum=False,
        )
    return scheduler.ReduceLROnPlateau(
        optimizer,
        factor=schedule["factor"],
        patience=schedule["patience"],
        threshold=schedule["threshold"],
        cooldown=schedule["cooldown"],
        min_lr=schedule["minimum"],
    )


def run_torch(case):
    steps, settings = case["steps"], case["settings"]
    schedule, losses = case["schedule"], case.get("losses")
    float32 = lambda values: [torch.tensor(v, dtype=torch.float32) for v in values]
    parameters = [t.requires_grad_() for t in float32(case["start"])]
    targets, curvatures = float32(case["targets"]), float32(case["curvatures"])
    groups = [
        {"params": [p], "lr": own["learningRate"], "weight_decay": own["weightDecay"]} for p, own in zip(parameters, case["byTensor"])
    ]
    optimizer = torch_optimizer(settings, groups)
    warmup = schedule.get("warmup", 0)
    scheduler = torch_schedule(optimizer, schedule, settings["learningRate"], steps - warmup)
    if warmup > 0:
        rise = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, scheduler], milestones=[warmup])
    averages = [p.detach().clone() for p in parameters] if "averageDecay" in case else None
    rates, norms = [], []
    for step in range(steps):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.zero_grad()
        for batch in range(case["accumulate"]):
            # Each batch pulls towards other targets: the step takes their mean.
            for p, target, curvature in zip(parameters, targets, curvatures):
                gradient = curvature * (p.detach() - target * (batch + 1)) / case["accumulate"]
                p.grad = gradient if p.grad is None else p.grad + gradient
        clip = case["clip"]
        if "value" in clip:
            torch.nn.utils.clip_grad_value_(parameters, clip["value"])
        if "norm" in clip:
            norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, clip["norm"])))
        optimizer.step()
        if averages is not None:
            decay = case["averageDecay"]
            averages = [decay * a + (1 - decay) * p.detach() for a, p in zip(averages, parameters)]
        if losses is None:
            scheduler.step()
        else:
            scheduler.step(losses[step])
    weights = averages if averages is not None else parameters
    return {"weights": [w.detach().tolist() for w in weights], "rates": rates, "norms": norms}


def run_formula(case):
    """Lion (Chen and others 2023, algorithm 2) and LAMB (You and others 2020, algorithm 2), tensor by tensor."""
    settings = case["settings"]
    rate, decay = settings["learningRate"], settings["weightDecay"]
    beta1, beta2 = settings["betas"]
    norm = lambda values: math.sqrt(math.fsum(v * v for v in values))
    results = []
    for p, targets, curvatures in zip(case["start"], case["targets"], case["curvatures"]):
        m, v = [0.0] * len(p), [0.0] * len(p)
        for step in range(1, case["steps"] + 1):
            g = [c * (w - t) for c, w, t in zip(curvatures, p, targets)]
            if settings["type"] == "lion":
                c = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g)]
                p = [w - rate * (((x > 0) - (x < 0)) + decay * w) for w, x in zip(p, c)]
                m = [beta2 * a + (1 - beta2) * b for a, b in zip(m, g)]
                continue
            m = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g)]
            v = [beta2 * a + (1 - beta2) * b * b for a, b in zip(v, g)]
            u = [
                a / (1 - beta1**step) / (math.sqrt(b / (1 - beta2**step)) + settings["epsilon"]) + decay * w
                for a, b, w in zip(m, v, p)
            ]
            trust = norm(p) / norm(u) if norm(p) > 0 and norm(u) > 0 else 1
            p = [w - rate * trust * x for w, x in zip(p, u)]
        results.append(p)
    return {"weights": results, "rates": [[rate] * len(results)] * case["steps"], "norms": []}


def run(case):
    if case["settings"]["type"] in ("lion", "lamb"):
        return run_formula(case)
    return None if torch is None else run_torch(case)


cases = json.load(sys.stdin)
results = [run(case) for case in cases]
json.dump({"torch": None if torch is None else torch.__version__, "results": results}, sys.stdout)
