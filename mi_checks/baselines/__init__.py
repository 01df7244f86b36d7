"""What was measured once, kept beside the behaviours, and a later run compared with it. No torch."""
