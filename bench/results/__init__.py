"""What was seen, and what it means. Imports no other room."""
