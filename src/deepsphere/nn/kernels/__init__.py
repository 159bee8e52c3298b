"""The products of a Laplacian with features, one module a way of computing them."""
