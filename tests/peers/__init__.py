"""Local servers that play what tests need on the other side of a wire."""
