"""What the page of a check tells, always in the same order; `docs/checks/` has the pages."""


def about(*, looks_at: str, why: str, threshold: str, suppress: str) -> str:
    """Markdown below the heading "What is looked at": that, why it matters, where the threshold comes from, and when
    it is right to suppress the check."""
    return f"{looks_at}\n\n## Why\n\n{why}\n\n## Threshold\n\n{threshold}\n\n## When to suppress it\n\n{suppress}\n"
