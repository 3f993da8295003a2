"""The loads, a file each; ``registry`` lists them."""
