"""Effects → which models are neighbours, and where they differ. Plain data in and out; no torch."""
