"""What a CI server shows of a run: a paragraph of Markdown, and annotations at the lines that failed. No torch."""
