"""`Run` → one HTML file that can be mailed, printed and read without a network."""
