"""Trains the classifier: reads data/wine.csv, writes model.json and training.svg to the outputs.

Prints one JSON object per epoch: the loss on the training rows, the accuracy on the validation
rows. The held-out rows are never looked at here.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
from pathlib import Path

from wine import charts, data, model, network

HIDDEN_UNITS = 32


def main() -> None:
    options = parse(sys.argv[1:])
    outputs = Path(os.environ.get("VH_OUTPUTS_DIR", "outputs"))
    outputs.mkdir(parents=True, exist_ok=True)
    features, wines = data.load()
    rows = data.split(wines, options.seed)
    print(
        f"Training on {len(rows.training)} wines, validating on {len(rows.validation)};"
        f" {len(rows.held_out)} are held out.",
        flush=True,
    )
    trained, history = train(features, data.kinds(wines), rows, options)
    model.save(trained, outputs / "model.json")
    (outputs / "training.svg").write_text(charts.training(history), encoding="utf-8")
    print("Wrote model.json and training.svg.")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The parameters, as valohai.yaml declares them."""
    parser = argparse.ArgumentParser(description="Train the wine classifier.")
    parser.add_argument("--epochs", type=int, default=200, help="passes over the training rows")
    parser.add_argument("--learning_rate", type=float, default=0.001, help="length of a step")
    parser.add_argument("--l2", type=float, default=0.01, help="weight decay")
    parser.add_argument("--seed", type=int, default=4, help="of validation rows and first weights")
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")
    if not (options.learning_rate > 0 and options.l2 >= 0):
        parser.error("--learning_rate must be above 0, and --l2 at least 0")
    return options


def train(
    features: list[str], classes: list[str], rows: data.Split, options: argparse.Namespace
) -> tuple[model.Model, list[dict[str, float]]]:
    """Trains a fresh network; returns it with what each epoch measured."""
    chance = random.Random(options.seed)
    means, deviations = model.scale(rows.training)
    trained = model.Model(
        features,
        classes,
        means,
        deviations,
        network.fresh(len(features), HIDDEN_UNITS, len(classes), chance),
        {**vars(options), "data": data.digest(), "rows": len(rows.training)},
    )
    examples = [(trained.standardise(w.measurements), classes.index(w.kind)) for w in rows.training]
    history = []
    for epoch in range(1, options.epochs + 1):
        loss = run_epoch(trained.network, examples, options, chance)
        if not math.isfinite(loss):
            sys.exit(f"The loss is not a number in epoch {epoch}. Use a smaller --learning_rate.")
        accuracy = trained.accuracy(rows.validation)
        history.append({"epoch": epoch, "loss": round(loss, 6), "accuracy": round(accuracy, 6)})
        print(json.dumps(history[-1]), flush=True)
    return trained, history


def run_epoch(
    net: network.Network,
    examples: list[tuple[list[float], int]],
    options: argparse.Namespace,
    chance: random.Random,
) -> float:
    """Shows every row once, in a random order; returns the mean loss."""
    chance.shuffle(examples)
    losses = [network.learn(net, row, target, options.learning_rate, options.l2) for row, target in examples]
    return sum(losses) / len(losses)


if __name__ == "__main__":
    main()
