"""The rules by which problems of a `valohai.yaml` are told apart, for tools that filter or count them.

A rule is the check that speaks. Its word stays when the sentences of its problems change.
"""

RULES: dict[str, str] = {
    "yaml": "The text cannot be read as YAML, or is larger than what is read.",
    "item": "An item that nothing reads, that has no kind, or that is there twice.",
    "limit": "A part that is too large or too odd to look into.",
    "schema": "A key that does not exist, one that is missing, or a value of the wrong type.",
    "step": "A step that could not run as it is written.",
    "task": "A task that could not run as it is written.",
    "pipeline": "A pipeline's nodes or parameters that do not fit its steps, or a circle of nodes.",
    "endpoint": "An endpoint that could not be served as it is written.",
    "edge": "An edge that leads nowhere, or whose two ends do not go together.",
    "official": "What Valohai's own linter says.",
    "trigger": "A trigger that could not start what it names.",
    "model": "A model that could not be made, served or promoted as it is written.",
    "installation": "A name that the settings of this installation do not have: an environment, a store, a cluster.",
    "more": "More problems than are shown.",
}
"""Rule -> what it finds. Rules are added, never renamed."""
