"""The operations: what one connection asks for again and again. A file each, and a line."""
