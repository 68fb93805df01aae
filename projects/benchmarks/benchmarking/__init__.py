"""What the scripts beside this package are made of."""
