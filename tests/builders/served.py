"""The smallest valohai.yaml that goes the whole way: a step makes a model, and a stage serves it."""


def served(
    model: str = "churn",
    file: str = "model.pkl",
    when: str = "{ push: { branches: [main] } }",
    more: str = "",
) -> str:
    """The trigger `train` starts the step `train`; `more` are further lines of it, such as a gate."""
    return f"""
- step: {{ name: train, image: "python:3.12", command: python train.py }}
- endpoint:
    name: predict
    image: python:3.12
    port: 8000
    server-command: python serve.py
    files: [{{ name: model, path: {file} }}]
- trigger:
    name: train
    when: {when}
    run: {{ step: train }}
    {more}
- model:
    name: {model}
    from: {{ step: train, output: {file} }}
    endpoint: predict
    file: model
    stages: {{ prod: {{}} }}
"""
