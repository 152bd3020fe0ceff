"""What a calculation procedure reads, and what it becomes. Pure: text in, text out."""
