"""What is measured, a file each: observations in, a part of the results out."""
