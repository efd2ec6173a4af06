"""The authority's HTTP API: FastAPI routes over the directory, the store and the authority."""
