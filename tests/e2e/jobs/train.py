"""Stands for a training: the nearer the learning rate is to 0.9, the better."""

import argparse
import json
import os
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--layers", type=lambda text: [int(word) for word in text.split(",")])
parser.add_argument("--fast", action="store_true")
given = parser.parse_args()

for epoch in range(2):
    print(json.dumps({"epoch": epoch, "accuracy": 1 - abs(0.9 - given.lr) / (epoch + 1)}))
Path(os.environ["VH_OUTPUTS_DIR"], "model.txt").write_text(f"{given.lr} {given.layers} {given.fast}\n")
