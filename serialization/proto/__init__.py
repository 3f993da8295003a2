"""The .proto sources of every message, and the program that compiles them."""
