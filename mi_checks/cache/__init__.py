"""What was measured before need not be measured again."""
