"""What several faces print alike: numbers, tables, sparklines, progress. No torch."""
