"""Reports: draws what the results directory holds; knows nothing but its format."""
