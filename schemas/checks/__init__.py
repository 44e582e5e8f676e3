"""What is wrong in a `valohai.yaml`: one module for each kind of item. `schemas.parse_config` is the door."""
