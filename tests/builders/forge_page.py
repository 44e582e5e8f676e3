"""A check as a forge shows it: a column with title, Markdown and buttons. CommonMark with GitHub's tables, HTML let through.

What a forge filters out of HTML stays in, so that a test sees it; colours and sizes are near to a forge's, light and dark.
"""

from html import escape

from markdown_it import MarkdownIt

from forges.port import Check

SIGNS = {
    "waiting": ("●", "wait"),
    "running": ("●", "wait"),
    "success": ("✓", "good"),
    "failure": ("✕", "bad"),
    "error": ("✕", "bad"),
    "neutral": ("■", "muted"),
    "cancelled": ("⊘", "muted"),
    "action-required": ("!", "wait"),
}

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1f2328; --muted: #59636e; --line: #d1d9e0; --code: #f6f8fa;
  --inline: #818b981f; --link: #0969da; --good: #1a7f37; --bad: #d1242f; --wait: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --ink: #f0f6fc; --muted: #9198a1; --line: #3d444d;
  --code: #151b23; --inline: #656c7633; --link: #4493f8; --good: #3fb950; --bad: #f85149; --wait: #d29922; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 14px/1.5 "Liberation Sans", Arial, sans-serif; }
article { max-width: 780px; padding: 24px; }
header { display: flex; gap: 12px; align-items: flex-start; padding-bottom: 16px; border-bottom: 1px solid var(--line);
  margin-bottom: 16px; }
header .sign { width: 20px; height: 20px; border-radius: 50%; color: #fff; text-align: center; flex: none; font-size: 13px;
  line-height: 20px; margin-top: 4px; }
.sign.good { background: var(--good); } .sign.bad { background: var(--bad); } .sign.wait { background: var(--wait); }
.sign.muted { background: var(--muted); }
header .words { flex: 1; min-width: 0; } header h1 { font-size: 20px; line-height: 1.4; margin: 0; font-weight: 600; }
header small { color: var(--muted); font-size: 12px; }
button { font: inherit; font-weight: 500; font-size: 12px; color: var(--ink); background: var(--code); border-radius: 6px;
  border: 1px solid var(--line); padding: 4px 12px; }
p, table, pre, details { margin: 0 0 16px; } a { color: var(--link); text-decoration: none; }
code, pre { font: 12px/1.45 "Liberation Mono", monospace; } code { background: var(--inline); border-radius: 6px; padding: 2px 5px; }
pre { background: var(--code); border-radius: 6px; padding: 12px 16px; overflow-x: auto; }
pre code { background: none; padding: 0; } summary { cursor: pointer; }
table { border-collapse: collapse; display: block; max-width: 100%; overflow: auto; }
th, td { border: 1px solid var(--line); padding: 6px 13px; text-align: left; } th { font-weight: 600; }
.remark { border: 1px solid var(--line); border-left: 3px solid var(--bad); border-radius: 6px; padding: 8px 12px; margin: 0 0 8px; }
.remark.warning { border-left-color: var(--wait); } .remark small { color: var(--muted); display: block; }
"""


def markdown() -> MarkdownIt:
    """The reader of Markdown that is nearest to a forge's."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")


def page(check: Check) -> str:
    """The whole document."""
    sign, colour = SIGNS[check.state]
    buttons = "".join(f"<button>{escape(action.label)}</button>" for action in check.actions)
    remarks = "".join(
        f'<div class="remark {one.level}"><small>{escape(one.path)}:{one.line}</small>'
        f"<b>{escape(one.title)}</b> {escape(one.message)}</div>"
        for one in check.annotations
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(check.context)}</title>'
        f"<style>{STYLE}</style><article><header><span class='sign {colour}'>{sign}</span><div class='words'>"
        f"<h1>{escape(check.title)}</h1><small>{escape(check.context)} · {escape(check.state)}</small></div>{buttons}</header>"
        f"<main>{markdown().render(check.summary)}{markdown().render(check.text)}{remarks}</main></article></html>"
    )
