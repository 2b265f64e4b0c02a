"""Typed request and response bodies, one file per resource; OpenAPI is made from them."""
