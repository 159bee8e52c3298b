"""ModelNet40: 12,311 CAD models of 40 classes, published by Princeton University."""
