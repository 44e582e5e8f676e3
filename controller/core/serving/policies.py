"""What the files say about a tag: the model that it names, the trigger that makes it, the rule of its stage. Pure."""

from collections.abc import Mapping

from schemas.errors import ConfigError
from schemas.repo_config import Model, RepoConfig, Stage, Trigger
from schemas.values import short


def model_of(configs: Mapping[str, RepoConfig], name: str, sha: str) -> tuple[str, Model]:
    """The root and the model item that a tag's artifact means: `churn`, or with its folder `models/eu:churn`.

    `configs`: the tagged commit's files by root. Raises `ConfigError` where none has the model, or several do.
    """
    folder, _, plain = name.rpartition(":")
    roots = [root for root in configs if folder in ("", root)]
    found = [(root, model) for root in roots for model in configs[root].models if model.name == plain]
    if not found:
        where = f" in {folder}" if folder else ""
        raise ConfigError(f"the tagged commit {short(sha)} has no model item named {plain}{where}")
    if len(found) > 1:
        folders = ", ".join(root or "the top" for root, _ in found)
        raise ConfigError(
            f"several folders have a model named {plain}: {folders}",
            hint=f"Say which in the tag: `FOLDER={plain}@v1.0.0`.",
        )
    return found[0]


def maker(config: RepoConfig, model: Model) -> Trigger | None:
    """The trigger that is started for a version that nothing has made yet: the one that is named, else the first that fits."""
    source = model.source
    if source.trigger is not None:
        return next((t for t in config.triggers if t.name == source.trigger), None)
    made = ("pipeline", source.pipeline) if source.pipeline else ("step", source.step)
    return next((t for t in config.triggers if (t.target.kind, t.target.name) == made), None)


def stage_rule(model: Model, main: RepoConfig | None, stage: str) -> Stage:
    """The stage as the default branch's file has it; its requirements and the tagged commit's together, never fewer.

    `model` is the tagged commit's, `main` the default branch's file. Raises `ConfigError` where neither has the stage.
    """
    here = model.stages.get(stage)
    there = next((m.stages.get(stage) for m in main.models if m.name == model.name), None) if main else None
    chosen = there or here
    if chosen is None:
        raise ConfigError(f"the model {model.name} has no stage {stage}", hint="Add it under `stages`.")
    require = tuple(dict.fromkeys((*chosen.require, *(here.require if here else ()))))
    smoke = chosen.smoke or (here.smoke if here else None)
    return Stage(chosen.name, chosen.cluster, chosen.replicas, require, smoke)


def served_by(model: Model) -> tuple[str, str]:
    """The endpoint, and its file that the model becomes. Raises `ConfigError` for a model that names nothing of the kind."""
    if model.endpoint is None or model.file is None:
        raise ConfigError(f"the model {model.name} names no endpoint and file: nothing can serve it")
    return model.endpoint, model.file


def waits_for_version(model: str, sha: str) -> str:
    """What is said of an assignment at a commit without a version."""
    return f"assign {model}: waits until a version is registered at {short(sha)}"
