"""The run as plain data: written, read, merged, put into a frame. No torch."""
