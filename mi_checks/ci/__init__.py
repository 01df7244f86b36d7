"""The display of a run on a CI server: a paragraph of Markdown, and annotations at the lines that failed. No torch."""
