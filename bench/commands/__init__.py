"""The subcommands, a file each; ``registry`` lists them."""
