"""Evaluates a model on the held-out wines, which no training has seen.

Prints one JSON object with the accuracy and the recall of every kind; writes report.json and
confusion.svg to the outputs. A model that was trained on another table is refused, since that
table's training rows may be held out here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from wine import charts, data, model


def main() -> None:
    options = parse(sys.argv[1:])
    outputs = Path(os.environ.get("VH_OUTPUTS_DIR", "outputs"))
    outputs.mkdir(parents=True, exist_ok=True)
    path = options.model or find_model()
    trained = load(path)
    _, wines = data.load()
    report = evaluate(trained, data.held_out(wines))
    report["model"] = {"digest": model.digest(path), "training": trained.training}
    (outputs / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    picture = charts.confusion(trained.classes, report["confusion"], report["accuracy"])
    (outputs / "confusion.svg").write_text(picture, encoding="utf-8")
    print(f"{report['right']} of {report['wines']} held-out wines are classified right.")
    print(json.dumps(metrics(report)))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Evaluate the wine classifier.")
    parser.add_argument("--model", type=Path, help="default: the input named model")
    return parser.parse_args(arguments)


def find_model() -> Path:
    """The one file of the input `model`; without inputs, what train.py left in outputs/."""
    inputs = os.environ.get("VH_INPUTS_DIR")
    if not inputs:
        return Path("outputs", "model.json")
    files = sorted(Path(inputs, "model").glob("*.json"))
    if len(files) != 1:
        sys.exit(f"{Path(inputs, 'model')} has {len(files)} .json files; it should have one.")
    return files[0]


def load(path: Path) -> model.Model:
    """The model, if it can be measured fairly."""
    try:
        trained = model.load(path)
    except (OSError, ValueError) as error:
        sys.exit(f"The model cannot be read: {error}")
    if trained.training.get("data") != data.digest():
        sys.exit(f"{path} was trained on another table than {data.TABLE}. Train it again.")
    return trained


def evaluate(trained: model.Model, wines: list[data.Wine]) -> dict[str, Any]:
    """Counts who was taken for whom."""
    counts = {kind: dict.fromkeys(trained.classes, 0) for kind in trained.classes}
    mistakes = []
    for wine in wines:
        shares = trained.probabilities(wine.measurements)
        predicted = model.likeliest(shares)
        counts[wine.kind][predicted] += 1
        if predicted != wine.kind:
            probability = round(shares[predicted], 4)
            mistakes.append({"line": wine.line, "is": wine.kind, "as": predicted, "probability": probability})
    right = len(wines) - len(mistakes)
    return {
        "accuracy": right / len(wines),
        "right": right,
        "wines": len(wines),
        "recall": {kind: row[kind] / sum(row.values()) for kind, row in counts.items()},
        "classes": trained.classes,
        "confusion": [list(row.values()) for row in counts.values()],
        "mistakes": mistakes,
    }


def metrics(report: dict[str, Any]) -> dict[str, float]:
    """The report's numbers by flat names, so that an `expect` can name each."""
    recalls = {f"recall_{kind}": round(share, 6) for kind, share in report["recall"].items()}
    return {"accuracy": round(report["accuracy"], 6), **recalls}


if __name__ == "__main__":
    main()
