"""Pure booking rules: values in, values out. No I/O, and `now` is always an argument."""
