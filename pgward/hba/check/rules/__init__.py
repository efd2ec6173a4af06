"""The rules, one module for each topic."""
