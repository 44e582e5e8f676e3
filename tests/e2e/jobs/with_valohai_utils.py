"""Code of a user who relies on Valohai's own library: everything that it offers to a running execution, used once.

What it saw goes to `seen.json` among the outputs; the test compares.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import valohai

seen: dict[str, object] = {}
DEFAULTS: dict[str, Any] = {"lr": 0.5, "epochs": 1, "flip": False, "layers": [1, 2], "word": "a"}

valohai.prepare(
    step="check",
    image="none",
    default_parameters=DEFAULTS,
    default_inputs={"numbers": "", "late": ""},
)

seen["parameters"] = {
    name: valohai.parameters(name).value for name in ("lr", "epochs", "flip", "layers", "word", "unset")
}
seen["arguments"] = sys.argv[1:]
config = valohai.execution().config
assert config is not None
seen["execution"] = {"counter": config.counter, "id": config.id, "title": config.title}

numbers = valohai.inputs("numbers").path()
assert numbers is not None
seen["numbers"] = Path(numbers).read_text()
seen["numbers_dir"] = valohai.inputs("numbers").dir_path()

listed = json.loads((Path(os.environ["VH_CONFIG_DIR"]) / "inputs.json").read_text())
seen["late_before"] = [sorted(file) for file in listed["late"]["files"]]
seen["late_input_id"] = bool(listed["late"]["input_id"])
late = valohai.inputs("late").path()
assert late is not None
seen["late"] = Path(late).read_text()

valohai.set_status_detail("half way through")

with valohai.logger() as logger:
    logger.log("epoch", 1)
    logger.log("accuracy", 0.5)
with valohai.logger() as logger:
    logger.log("epoch", 2)
    logger.log("accuracy", 0.75)

plain = valohai.outputs().path("plain.txt")
Path(plain).write_text("plain")
nested = valohai.outputs("models").path("model.bin")
Path(nested).write_bytes(b"\0\1")

live = valohai.outputs().path("checkpoint.txt")
Path(live).write_text("checkpoint 1")
valohai.outputs().live_upload("checkpoint.txt")

for name in ("a.csv", "b.csv"):
    Path(valohai.outputs().path(name)).write_text(name)
valohai.outputs().compress("*.csv", "tables.zip", remove_originals=True)

with valohai.output_properties() as properties:
    properties.add(file="plain.txt", properties={"quality": "good", "valohai.tags": ["kept"]})
    version = properties.dataset_version_uri("texts", "v1")
    properties.add_to_dataset(file="plain.txt", dataset_version=version)

Path(valohai.outputs().path("seen.json")).write_text(json.dumps(seen))
