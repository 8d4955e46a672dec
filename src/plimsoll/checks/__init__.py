"""The deployment checklist: facts are gathered, pure checks look at them, findings are shown."""
