"""Effects and role scores over a series of training checkpoints → where each appears, as text, Markdown, JSON, HTML."""
